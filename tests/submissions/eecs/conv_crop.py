import torch


class Conv(object):
    @staticmethod
    def forward(x, w, b, conv_param):
        stride, pad = conv_param["stride"], conv_param["pad"]
        x_pad = torch.nn.functional.pad(x, (pad, pad, pad, pad))
        N, C, H, W = x_pad.shape
        F, _, HH, WW = w.shape
        out = torch.zeros((N, F, 1 + (H - HH) // stride, 1 + (W - WW) // stride), dtype=x.dtype, device=x.device)
        for i in range(out.shape[2]):
            for j in range(out.shape[3]):
                window = x_pad[:, :, i * stride:i * stride + HH, j * stride:j * stride + WW]
                out[:, :, i, j] = window.reshape(N, -1).mm(w.reshape(F, -1).t()) + b
        return out, (x, w, b, conv_param)

    @staticmethod
    def backward(dout, cache):
        x, w, b, conv_param = cache
        stride, pad = conv_param["stride"], conv_param["pad"]
        x_pad = torch.nn.functional.pad(x, (pad, pad, pad, pad))
        F, C, HH, WW = w.shape
        dx_pad, dw = torch.zeros_like(x_pad), torch.zeros_like(w)
        for i in range(dout.shape[2]):
            for j in range(dout.shape[3]):
                rows, cols = slice(i * stride, i * stride + HH), slice(j * stride, j * stride + WW)
                d = dout[:, :, i, j]
                dw += torch.einsum("nk,nchw->kchw", d, x_pad[:, :, rows, cols])
                dx_pad[:, :, rows, cols] += torch.einsum("nk,kchw->nchw", d, w)
        return dx_pad[:, :, pad:-pad, pad:-pad], dw, dout.sum(dim=(0, 2, 3))
