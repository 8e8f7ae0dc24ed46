// The owner of the precompiled header; see TenonTorch.cmake.
