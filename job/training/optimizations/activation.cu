// Gated activation: silu(gate) * up, with silu(x) = x * sigmoid(x). Each thread has one pack, the last one what is left.

__device__ inline float sigmoid(float x) { return 1.f / (1.f + expf(-x)); }

template <int V> __device__ inline void forward(const Element *gate, const Element *up, Element *out) {
    Pack<V> gates = load<V>(gate), ups = load<V>(up), outs;
#pragma unroll
    for (int i = 0; i < V; i++) {
        float x = widen(gates.at[i]);
        outs.at[i] = narrow(x * sigmoid(x) * widen(ups.at[i]));
    }
    store<V>(out, outs);
}

template <int V>
__device__ inline void backward(
    const Element *grad, const Element *gate, const Element *up, Element *gate_grad, Element *up_grad) {
    Pack<V> grads = load<V>(grad), gates = load<V>(gate), ups = load<V>(up), gate_grads, up_grads;
#pragma unroll
    for (int i = 0; i < V; i++) {
        float x = widen(gates.at[i]), y = widen(ups.at[i]), g = widen(grads.at[i]);
        float s = sigmoid(x);
        gate_grads.at[i] = narrow(g * y * s * (1.f + x * (1.f - s)));
        up_grads.at[i] = narrow(g * x * s);
    }
    store<V>(gate_grad, gate_grads);
    store<V>(up_grad, up_grads);
}

extern "C" __global__ void gate_forward(const Element *gate, const Element *up, Element *out, Size count) {
    Size i = (static_cast<Size>(blockIdx.x) * blockDim.x + threadIdx.x) * WIDE;
    if (i + WIDE <= count)
        forward<WIDE>(gate + i, up + i, out + i);
    else
        for (; i < count; i++)
            forward<1>(gate + i, up + i, out + i);
}

extern "C" __global__ void gate_backward(
    const Element *grad, const Element *gate, const Element *up, Element *gate_grad, Element *up_grad, Size count) {
    Size i = (static_cast<Size>(blockIdx.x) * blockDim.x + threadIdx.x) * WIDE;
    if (i + WIDE <= count)
        backward<WIDE>(grad + i, gate + i, up + i, gate_grad + i, up_grad + i);
    else
        for (; i < count; i++)
            backward<1>(grad + i, gate + i, up + i, gate_grad + i, up_grad + i);
}
