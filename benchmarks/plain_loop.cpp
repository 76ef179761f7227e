// The selective scan as one writes it down: a loop over channels, time and state. The compiler may do what it likes.
#include <cmath>
#include <vector>

// u, delta, y: (batch, dim, length); A: (dim, d_state); B, C: (batch, d_state, length); D, delta_bias: (dim)
extern "C" void plain_loop(const float* u, const float* delta, const float* A, const float* B, const float* C,
                           const float* D, const float* delta_bias, float* y, long batch, long dim, long length,
                           long d_state) {
#pragma omp parallel for collapse(2)
  for (long b = 0; b < batch; ++b)
    for (long d = 0; d < dim; ++d) {
      std::vector<float> x(d_state, 0.0f);
      for (long t = 0; t < length; ++t) {
        const long at = (b * dim + d) * length + t;
        const float step = std::log1p(std::exp(delta[at] + delta_bias[d]));
        float sum = D[d] * u[at];
        for (long n = 0; n < d_state; ++n) {
          const long of_state = (b * d_state + n) * length + t;
          x[n] = std::exp(step * A[d * d_state + n]) * x[n] + step * u[at] * B[of_state];
          sum += x[n] * C[of_state];
        }
        y[at] = sum;
      }
    }
}
