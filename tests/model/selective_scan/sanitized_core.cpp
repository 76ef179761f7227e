// Runs the C++ core of both operators, forward and backward, with real threads, for a sanitizer to watch. Every array is
// a block of its own on the heap, exactly as long as the core may use.
//
//   sanitized_core SHAPES            checks SHAPES drawn shapes on every instruction set that this CPU has
//   sanitized_core SHAPES short      the outputs are a number short: an address sanitizer must find that
//   sanitized_core SHAPES twice      every task runs on two threads at once: a thread sanitizer must find that
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <thread>

#include "selective_scan_2d.h"

namespace {

using namespace mamba_hunet;

std::mt19937_64 generator;
int64_t missing = 0;  // numbers that each output is short of
bool every_range_twice = false;

int64_t draw(int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(generator); }

template <class Scalar>
struct Array {
  explicit Array(int64_t count) : count(count), numbers(new Scalar[count]) {}
  static Array drawn(int64_t count, double low, double high) {
    Array array(count);
    std::uniform_real_distribution<double> numbers(low, high);
    for (int64_t i = 0; i < count; ++i) array.numbers[i] = Scalar(numbers(generator));
    return array;
  }
  static Array output(int64_t count) {
    Array array(count - missing);
    std::memset(static_cast<void*>(array.get()), 0xff, sizeof(Scalar) * array.count);  // NaN until it is written
    return array;
  }
  Scalar* get() const { return numbers.get(); }
  bool same(const Array& other) const { return !std::memcmp(get(), other.get(), sizeof(Scalar) * count); }
  bool finite() const {
    for (int64_t i = 0; i < count; ++i)
      if (!std::isfinite(numbers[i])) return false;
    return true;
  }
  int64_t count;
  std::unique_ptr<Scalar[]> numbers;
};

// As torch's: a range for each thread, one after another if there is one thread.
ParallelFor on_threads(int threads) {
  return [threads](int64_t count, const std::function<void(int64_t, int64_t)>& body) {
    std::vector<std::thread> running;
    for (int i = 0; i < threads; ++i) {
      const int64_t begin = count * i / threads, end = count * (i + 1) / threads;
      for (int copy = every_range_twice ? 2 : 1; copy > 0 && begin < end; --copy)
        running.emplace_back([&body, begin, end] { body(begin, end); });
    }
    for (std::thread& thread : running) thread.join();
  };
}

void require(bool holds, const std::string& what) {
  if (holds) return;
  std::fprintf(stderr, "%s\n", what.c_str());
  std::exit(1);
}

template <class Scalar>
using Arrays = std::vector<Array<Scalar>>;

template <class Scalar>
void require_same(const Arrays<Scalar>& one, const Arrays<Scalar>& other, const std::string& where) {
  for (size_t i = 0; i < one.size(); ++i) {
    require(one[i].finite(), where + ": output " + std::to_string(i) + " was not written, or overflowed");
    require(one[i].same(other[i]), where + ": output " + std::to_string(i) + " depends on the number of threads");
  }
}

template <class Scalar>
void check_sequences() {
  const int64_t groups = draw(1, 3), per_group = draw(1, 70);
  const Shape shape{draw(1, 3), groups * per_group, draw(1, 70), groups, draw(1, 20)};
  const int64_t rows = shape.batch * shape.dim * shape.length, size_A = shape.dim * shape.d_state;
  const int64_t size_B = shape.batch * groups * shape.d_state * shape.length;
  using A = Array<Scalar>;
  const A u = A::drawn(rows, -1, 1), delta = A::drawn(rows, 0, 1), rates = A::drawn(size_A, -2, 0);
  const A B = A::drawn(size_B, -1, 1), C = A::drawn(size_B, -1, 1), D = A::drawn(shape.dim, -1, 1);
  const A bias = A::drawn(shape.dim, 0, 1), grad_y = A::drawn(rows, -1, 1);
  const bool with_D = draw(0, 1), with_bias = draw(0, 1);
  const Inputs<Scalar> inputs{u.get(),
                              delta.get(),
                              rates.get(),
                              B.get(),
                              C.get(),
                              with_D ? D.get() : nullptr,
                              with_bias ? bias.get() : nullptr,
                              draw(0, 1) == 1};
  const auto run = [&](int threads) {
    Arrays<Scalar> out;
    for (int64_t count : {rows, rows, rows, size_A, size_B, size_B}) out.push_back(A::output(count));
    if (with_D) out.push_back(A::output(shape.dim));
    if (with_bias) out.push_back(A::output(shape.dim));
    selective_scan(shape, inputs, out[0].get(), on_threads(threads));
    selective_scan_backward(shape, inputs, grad_y.get(),
                            {out[1].get(), out[2].get(), out[3].get(), out[4].get(), out[5].get(),
                             with_D ? out[6].get() : nullptr, with_bias ? out.back().get() : nullptr},
                            on_threads(threads));
    return out;
  };
  require_same(run(1), run(3), "sequences");
}

template <class Scalar>
void check_images(bool bfloat16) {
  const ImageShape shape{draw(1, 3), draw(1, 9), draw(1, 9), draw(1, 140), draw(0, 5), draw(1, 20)};
  const int64_t numbers = shape.batch * shape.pixels() * shape.channels, all_channels = kDirections * shape.channels;
  const int64_t size_projected = shape.batch * shape.pixels() * kDirections * shape.projected_size();
  const int64_t size_states =
      shape.batch * shape.blocks() * kDirections * shape.tiles() * shape.d_state * kStateLanes;
  using A = Array<Scalar>;
  using Halves = Array<uint16_t>;
  const A x = A::drawn(numbers, -1, 1), grad_y = A::drawn(numbers, -1, 1);
  const Halves half_x = Halves::drawn(numbers, 0x3c00, 0x3f80), half_grad_y = Halves::drawn(numbers, 0x3c00, 0x3f80);
  const A projected = A::drawn(size_projected, -1, 1), weight = A::drawn(all_channels * shape.dt_rank, -1, 1);
  const A bias = A::drawn(all_channels, -1, 0), rates = A::drawn(all_channels * shape.d_state, -2, 0);
  const A D = A::drawn(all_channels, -1, 1);
  const auto pixels = [&](const A& floats, const Halves& halves) {
    return Pixels{bfloat16 ? static_cast<void*>(halves.get()) : floats.get(), bfloat16};
  };
  const ImageInputs<Scalar> inputs{pixels(x, half_x), projected.get(), weight.get(),
                                   bias.get(),        rates.get(),     D.get()};
  const auto run = [&](int threads) {
    Arrays<Scalar> out;
    // A backward pass reads all the states, also of lanes without a channel: these are the forward pass's to write.
    out.push_back(A::drawn(size_states, 0, 0));
    for (int64_t count : {size_projected, weight.count, bias.count, rates.count, D.count})
      out.push_back(A::output(count + (count == 0 ? missing : 0)));
    std::vector<Halves> half_out;
    for (int i = 0; i < 2; ++i) {
      half_out.push_back(Halves::output(bfloat16 ? numbers : missing));
      out.push_back(A::output(bfloat16 ? missing : numbers));
    }
    const auto maps = [&](int i) { return pixels(out[6 + i], half_out[i]); };
    selective_scan_2d(shape, inputs, {maps(0), out[0].get()}, on_threads(threads));
    selective_scan_2d_backward(
        shape, inputs, pixels(grad_y, half_grad_y), out[0].get(),
        {maps(1), out[1].get(), out[2].get(), out[3].get(), out[4].get(), out[5].get()}, on_threads(threads));
    return std::pair(std::move(out), std::move(half_out));
  };
  const auto one = run(1), several = run(3);
  require_same(one.first, several.first, "images");
  for (int i = 0; i < 2; ++i)
    require(one.second[i].same(several.second[i]), "images: a bfloat16 map depends on the number of threads");
}

}  // namespace

int main(int count, char** arguments) {
  const int shapes = count > 1 ? std::atoi(arguments[1]) : 0;
  const std::string fault = count > 2 ? arguments[2] : "";
  if (shapes < 1 || count > 3 || (fault != "" && fault != "short" && fault != "twice")) {
    std::fprintf(stderr, "usage: sanitized_core SHAPES [short|twice]\n");
    return 2;
  }
  missing = fault == "short";
  every_range_twice = fault == "twice";
  for (const std::string& isa : available_isas()) {
    setenv("MAMBA_HUNET_ISA", isa.c_str(), 1);
    generator.seed(1);
    for (int i = 0; i < shapes; ++i) {
      check_sequences<float>();
      check_images<float>(i % 2);
      if (i % 4 == 0) check_sequences<double>();
      if (i % 4 == 2) check_images<double>(false);
    }
    std::printf("%s: %d shapes\n", isa.c_str(), shapes);
  }
}
