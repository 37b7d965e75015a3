# SPDX-License-Identifier: BSD-3-Clause
# CUDA rooms are optional: everything left of `gpu` builds and is tested without CUDA.
include(CheckLanguage)
set(UNWEIGHT_HAS_CUDA OFF)
if(NOT UNWEIGHT_CUDA STREQUAL "OFF")
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER)
    set(UNWEIGHT_HAS_CUDA ON)
  elseif(UNWEIGHT_CUDA STREQUAL "ON")
    message(FATAL_ERROR "UNWEIGHT_CUDA=ON, but no CUDA compiler was found")
  endif()
endif()
if(UNWEIGHT_HAS_CUDA)
  # CMake 3.25 does not know nvcc's C++20 flag yet.
  set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION "-std=c++20")
  set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION "-std=c++20")
  set(CMAKE_CUDA_ARCHITECTURES 90a-real)  # wgmma and setmaxnreg need the "a" target
  enable_language(CUDA)
  set(CMAKE_CUDA_STANDARD 20)
  set(CMAKE_CUDA_STANDARD_REQUIRED ON)
  find_package(CUDAToolkit REQUIRED)
endif()
