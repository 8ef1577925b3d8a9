import torch


class MaxPool(object):
    @staticmethod
    def windows(x, pool_param):
        PH, PW, S = pool_param["pool_height"], pool_param["pool_width"], pool_param["stride"]
        for y in range((x.shape[2] - PH) // S + 1):
            for z in range((x.shape[3] - PW) // S + 1):
                yield y, z, (slice(y * S, y * S + PH), slice(z * S, z * S + PW))

    @staticmethod
    def forward(x, pool_param):
        found = [(y, z, x[:, :, *window].amax(dim=(2, 3))) for y, z, window in MaxPool.windows(x, pool_param)]
        H, W = 1 + max(y for y, _, _ in found), 1 + max(z for _, z, _ in found)
        return torch.stack([value for _, _, value in found], 2).reshape(*x.shape[:2], H, W), (x, pool_param)

    @staticmethod
    def backward(dout, cache):
        x, pool_param = cache
        dx = torch.zeros_like(x)
        for y, z, window in MaxPool.windows(x, pool_param):
            for n in range(x.shape[0]):
                for c in range(x.shape[1]):
                    part = x[n, c][window]
                    dx[n, c][window] += (part == part.max()).float() * dout[n, c, y, z]
        return dx
