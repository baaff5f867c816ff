"""The machine room: kernels, states and sentences; knows nothing of tasks, files or engines."""
