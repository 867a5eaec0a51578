// Residual add with RMS norm: total = residual + branch, rounded; normed = total / rms(total) * weight. A block has one token,
// whose row stays in the registers of its threads.

constexpr int KEPT = 4;  // packs a thread

// The sum over all threads of a block. `scratch` has a place for each of 32 warps; no second sum follows in one kernel.
__device__ inline float sum_of_block(float x, float *scratch) {
    for (int apart = 16; apart; apart /= 2)
        x += __shfl_xor_sync(0xffffffff, x, apart);
    if (threadIdx.x % 32 == 0)
        scratch[threadIdx.x / 32] = x;
    __syncthreads();
    x = threadIdx.x % 32 < blockDim.x / 32 ? scratch[threadIdx.x % 32] : 0.f;
    for (int apart = 16; apart; apart /= 2)
        x += __shfl_xor_sync(0xffffffff, x, apart);
    return x;
}

template <int V>
__device__ inline void forward(
    const Element *residual, const Element *branch, const Element *weight, Element *total, Element *normed,
    float *scales, Size width, float epsilon) {
    __shared__ float scratch[32];
    Size start = blockIdx.x * width;
    Pack<V> row[KEPT];
    float squares = 0.f;
#pragma unroll
    for (int k = 0; k < KEPT; k++) {
        Size i = (k * static_cast<Size>(blockDim.x) + threadIdx.x) * V;
        if (i < width) {
            Pack<V> one = load<V>(residual + start + i), other = load<V>(branch + start + i);
#pragma unroll
            for (int v = 0; v < V; v++) {
                row[k].at[v] = narrow(widen(one.at[v]) + widen(other.at[v]));
                float x = widen(row[k].at[v]);
                squares += x * x;
            }
            store<V>(total + start + i, row[k]);
        }
    }
    float scale = 1.f / sqrtf(sum_of_block(squares, scratch) / width + epsilon);
    if (threadIdx.x == 0)
        scales[blockIdx.x] = scale;
#pragma unroll
    for (int k = 0; k < KEPT; k++) {
        Size i = (k * static_cast<Size>(blockDim.x) + threadIdx.x) * V;
        if (i < width) {
            Pack<V> weights = load<V>(weight + i);
#pragma unroll
            for (int v = 0; v < V; v++)
                row[k].at[v] = narrow(widen(row[k].at[v]) * scale * widen(weights.at[v]));
            store<V>(normed + start + i, row[k]);
        }
    }
}

// With n = total * scale and g = grad of normed * weight: grad of total + scale * (g - n * mean(g * n)).
template <int V>
__device__ inline void backward(
    const Element *total_grad, const Element *normed_grad, const Element *total, const Element *weight,
    const float *scales, Element *grad, Size width) {
    __shared__ float scratch[32];
    Size start = blockIdx.x * width;
    float scale = scales[blockIdx.x], product = 0.f;
    Pack<V> row[KEPT], grads[KEPT];
#pragma unroll
    for (int k = 0; k < KEPT; k++) {
        Size i = (k * static_cast<Size>(blockDim.x) + threadIdx.x) * V;
        if (i < width) {
            row[k] = load<V>(total + start + i);
            grads[k] = load<V>(normed_grad + start + i);
            Pack<V> weights = load<V>(weight + i);
#pragma unroll
            for (int v = 0; v < V; v++)
                product += widen(grads[k].at[v]) * widen(weights.at[v]) * widen(row[k].at[v]) * scale;
        }
    }
    float mean = sum_of_block(product, scratch) / width;
#pragma unroll
    for (int k = 0; k < KEPT; k++) {
        Size i = (k * static_cast<Size>(blockDim.x) + threadIdx.x) * V;
        if (i < width) {
            Pack<V> weights = load<V>(weight + i), sums = load<V>(total_grad + start + i);
#pragma unroll
            for (int v = 0; v < V; v++) {
                float g = widen(grads[k].at[v]) * widen(weights.at[v]), n = widen(row[k].at[v]) * scale;
                sums.at[v] = narrow(widen(sums.at[v]) + scale * (g - n * mean));
            }
            store<V>(grad + start + i, sums);
        }
    }
}

#define NORM(suffix, V)                                                                                                \
    extern "C" __global__ void add_forward_##suffix(                                                                   \
        const Element *residual, const Element *branch, const Element *weight, Element *total, Element *normed,        \
        float *scales, Size width, float epsilon) {                                                                    \
        forward<V>(residual, branch, weight, total, normed, scales, width, epsilon);                                   \
    }                                                                                                                  \
    extern "C" __global__ void add_backward_##suffix(                                                                  \
        const Element *total_grad, const Element *normed_grad, const Element *total, const Element *weight,            \
        const float *scales, Element *grad, Size width) {                                                              \
        backward<V>(total_grad, normed_grad, total, weight, scales, grad, width);                                      \
    }
NORM(packs, WIDE)
NORM(singles, 1)
