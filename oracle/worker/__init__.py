"""The separate process that runs foreign code. It has NumPy and the submission;
no torch, no expected values, no case id.

protocol    the frames that both sides exchange
boot        how the process starts: NumPy and the oracle's few files by their own path, nothing else that is installed
server      the process: a fork server with NumPy imported, and the worker that it forks for each layer
client      the grader's side: deadlines, and what an end without an answer means
"""
