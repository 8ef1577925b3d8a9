import torch


class MaxPool(object):
    @staticmethod
    def forward(x, pool_param):
        N, C, H, W = x.shape
        PH, PW, S = pool_param["pool_height"], pool_param["pool_width"], pool_param["stride"]
        out = torch.zeros(N, C, 1 + (H - PH) // S, 1 + (W - PW) // S, dtype=x.dtype)
        for y in range(0, H, S):
            for z in range(0, W, S):
                out[:, :, y // S, z // S] = x[:, :, y : y + PH, z : z + PW].amax(dim=(2, 3))
        return out, (x, pool_param)

    @staticmethod
    def backward(dout, cache):
        x, pool_param = cache
        PH, PW, S = pool_param["pool_height"], pool_param["pool_width"], pool_param["stride"]
        dx = torch.zeros_like(x)
        for y in range(dout.shape[2]):
            for z in range(dout.shape[3]):
                part = x[:, :, y * S : y * S + PH, z * S : z * S + PW]
                mask = part == part.amax(dim=(2, 3), keepdim=True)
                dx[:, :, y * S : y * S + PH, z * S : z * S + PW] += mask * dout[:, :, y : y + 1, z : z + 1]
        return dx
