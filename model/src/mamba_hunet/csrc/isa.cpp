#include "isa.h"

#include <cstdlib>
#include <stdexcept>

namespace mamba_hunet {
namespace {

struct Isa {
  const char* name;
  bool available;
  const Kernels<float>* kernels;
};

const std::vector<Isa>& isas() {
  static const std::vector<Isa> all = {
#ifdef HUNET_X86
      {"avx512",
       __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma"),
       &kAvx512Float},
      {"avx2", __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"), &kAvx2Float},
#endif
      {"portable", true, &kPortableFloat},
  };
  return all;
}

}  // namespace

std::vector<std::string> available_isas() {
  std::vector<std::string> names;
  for (const Isa& isa : isas())
    if (isa.available) names.push_back(isa.name);
  return names;
}

const Kernels<float>& float_kernels() {
  const char* forced = std::getenv("MAMBA_HUNET_ISA");
  const std::string wanted = forced ? forced : "";
  std::string choices;
  for (const Isa& isa : isas()) {
    if (isa.available && (wanted.empty() || wanted == isa.name)) return *isa.kernels;
    if (isa.available) choices += choices.empty() ? isa.name : std::string(", ") + isa.name;
  }
  throw std::runtime_error("selective_scan: MAMBA_HUNET_ISA=" + wanted +
                           " names an instruction set that this CPU or this build lacks. Use one of: " + choices +
                           "; or leave the variable unset.");
}

}  // namespace mamba_hunet
