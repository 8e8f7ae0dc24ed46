// The owner of a precompiled header; see TenonPrecompiled.cmake.
