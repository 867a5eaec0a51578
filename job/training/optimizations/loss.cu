// Cross-entropy of one slice of logits, and its gradient in their place. logit = cap * tanh(scale * x / cap), or scale * x where
// cap is 0. A block has one position; the first of its `words` logits may lie anywhere, so what is before the first and behind the
// last multiple of 16 bytes is read one by one.

__device__ inline float logit_of(float x, float scale, float cap) {
    return cap == 0.f ? x * scale : cap * tanhf(x * scale / cap);
}

// Sums of exp(logit) are kept beside the largest logit seen: exp(-largest) times the sum.
struct Sum {
    float largest, sum;
};
__device__ inline Sum joined(Sum a, Sum b) {
    if (b.largest > a.largest) {
        Sum other = a;
        a = b;
        b = other;
    }
    a.sum += b.sum * expf(b.largest - a.largest);
    return a;
}
template <int V> __device__ inline Sum joined(Sum a, const Element *from, float scale, float cap) {
    Pack<V> pack = load<V>(from);
    float logits[V], largest = a.largest;
#pragma unroll
    for (int v = 0; v < V; v++) {
        logits[v] = logit_of(widen(pack.at[v]), scale, cap);
        largest = fmaxf(largest, logits[v]);
    }
    a.sum *= expf(a.largest - largest);
#pragma unroll
    for (int v = 0; v < V; v++)
        a.sum += expf(logits[v] - largest);
    a.largest = largest;
    return a;
}
__device__ inline Sum of_warp(Sum sum) {
    for (int apart = 16; apart; apart /= 2) {
        Sum other = {__shfl_xor_sync(0xffffffff, sum.largest, apart), __shfl_xor_sync(0xffffffff, sum.sum, apart)};
        sum = joined(sum, other);
    }
    return sum;
}

template <int V>
__device__ inline void grade(Element *logits, Size place, Size wanted, float log_sum, float scale, float cap) {
    Pack<V> pack = load<V>(logits + place);
#pragma unroll
    for (int v = 0; v < V; v++) {
        float logit = logit_of(widen(pack.at[v]), scale, cap);
        float slope = cap == 0.f ? scale : scale * (1.f - logit / cap * (logit / cap));
        pack.at[v] = narrow((expf(logit - log_sum) - (place + v == wanted ? 1.f : 0.f)) * slope);
    }
    store<V>(logits + place, pack);
}

extern "C" __global__ void cross_entropy(
    Element *all_logits, const Size *targets, float *losses, Size words, Size row, float scale, float cap, int graded) {
    __shared__ Sum sums[32];
    Element *logits = all_logits + blockIdx.x * row;
    Size wanted = targets[blockIdx.x];
    Size before = (WIDE - reinterpret_cast<Size>(logits) / sizeof(Element) % WIDE) % WIDE;
    if (before > words)
        before = words;
    Size packs = (words - before) / WIDE, behind = before + packs * WIDE;

    Sum sum = {-3e38f, 0.f};
    for (Size i = threadIdx.x; i < before; i += blockDim.x)
        sum = joined<1>(sum, logits + i, scale, cap);
    for (Size i = threadIdx.x; i < packs; i += blockDim.x)
        sum = joined<WIDE>(sum, logits + before + i * WIDE, scale, cap);
    for (Size i = behind + threadIdx.x; i < words; i += blockDim.x)
        sum = joined<1>(sum, logits + i, scale, cap);
    sum = of_warp(sum);
    if (threadIdx.x % 32 == 0)
        sums[threadIdx.x / 32] = sum;
    __syncthreads();
    Sum none = {-3e38f, 0.f};
    sum = of_warp(threadIdx.x % 32 < blockDim.x / 32 ? sums[threadIdx.x % 32] : none);
    float log_sum = sum.largest + logf(sum.sum);
    if (threadIdx.x == 0)
        losses[blockIdx.x] = log_sum - logit_of(widen(logits[wanted]), scale, cap);
    if (!graded)
        return;
    __syncthreads();  // the wanted logit is read
    for (Size i = threadIdx.x; i < before; i += blockDim.x)
        grade<1>(logits, i, wanted, log_sum, scale, cap);
    for (Size i = threadIdx.x; i < packs; i += blockDim.x)
        grade<WIDE>(logits, before + i * WIDE, wanted, log_sum, scale, cap);
    for (Size i = behind + threadIdx.x; i < words; i += blockDim.x)
        grade<1>(logits, i, wanted, log_sum, scale, cap);
}
