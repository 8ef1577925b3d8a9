"""The separate process that runs foreign code. It has NumPy and the submission;
no torch, no expected values, no case id.

protocol    the frames that both sides exchange
boot        how the process starts: NumPy and the oracle's few files by their own path, nothing else that is installed
server      the process: a fork server with NumPy imported, and the worker that it forks for each layer
loading     the submission inside of the worker; shims: what it imports beside NumPy
starting    how the grader starts it; namespaces: what stands around it (bubblewrap, or namespaces alone)
client      the grader's side: deadlines, and what an end without an answer means
lockdown    what a worker takes from itself before it serves, and what of it held: L0 to L3
landlock    no file but those that are named; seccomp: no system call but those that are named; kernel: how to call it
limits      seconds, memory, output, disk
escapes     what code under test might try; oracle doctor runs it
"""
