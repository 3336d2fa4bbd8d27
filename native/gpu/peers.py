"""What else the device is measured with, by PyTorch: its matrix product, its dense attention, and FlashMoBA where that
package is there. Milliseconds are medians by CUDA events, each run after a write that empties the second-level cache."""

import importlib.util

HEAD_DIM = 128


def found():
    """A Peers, or the reason why there is none."""
    if importlib.util.find_spec("torch") is None:
        return "no PyTorch: matrix product, dense attention of others and FlashMoBA are left out"
    import torch

    if not torch.cuda.is_available():
        return "PyTorch sees no CUDA device: matrix product, dense attention of others and FlashMoBA are left out"
    return Peers(torch)


class Peers:
    def __init__(self, torch):
        self.torch = torch
        self.flush = torch.empty(64 << 20, dtype=torch.int32, device="cuda")
        self.factors = [self.random(8192, 8192) for _ in range(2)]

    def random(self, *shape):
        return self.torch.randn(*shape, device="cuda", dtype=self.torch.bfloat16)

    def median_ms(self, run, most_seconds=1.0):
        event = lambda: self.torch.cuda.Event(enable_timing=True)
        run()
        times = []
        while len(times) < 3 or (len(times) < 30 and sum(times) < most_seconds * 1e3):
            self.flush.zero_()
            start, end = event(), event()
            start.record()
            run()
            end.record()
            end.synchronize()
            times.append(start.elapsed_time(end))
        return sorted(times)[len(times) // 2]

    def matmul_tflops(self):
        a, b = self.factors
        return 2 * 8192**3 / self.median_ms(lambda: a @ b, 0.03) / 1e9

    def dense_ms(self, backend, tokens, heads):
        """Causal full attention by a backend of PyTorch's, CUDNN_ATTENTION or FLASH_ATTENTION."""
        from torch.nn.attention import SDPBackend, sdpa_kernel

        q, k, v = (self.random(1, heads, tokens, HEAD_DIM) for _ in range(3))
        with sdpa_kernel(getattr(SDPBackend, backend)):
            return self.median_ms(
                lambda: self.torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True))

    def flash_moba_ms(self, tokens, heads, block_size, top_k):
        """Routing and attention; None without the package."""
        if importlib.util.find_spec("flash_moba") is None:
            return None
        from flash_moba import flash_moba_varlen_func

        q, k, v = (self.random(tokens, heads, HEAD_DIM) for _ in range(3))
        ends = self.torch.tensor([0, tokens], device="cuda", dtype=self.torch.int32)
        return self.median_ms(lambda: flash_moba_varlen_func(q, k, v, ends, ends, tokens, tokens, block_size, top_k,
                                                             causal=True))

    def release(self):
        """Memory for others."""
        self.torch.cuda.empty_cache()
