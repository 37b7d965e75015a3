# SPDX-License-Identifier: BSD-3-Clause
# Language level, warnings and sanitizers: one interface target that every room links.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

add_library(unweight_options INTERFACE)
target_compile_options(unweight_options INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion
    -Wnon-virtual-dtor -Wold-style-cast>)
target_compile_options(unweight_options INTERFACE
  $<$<COMPILE_LANGUAGE:CUDA>:--expt-relaxed-constexpr -Xcompiler=-Wall,-Wextra>)
if(UNWEIGHT_WERROR)
  target_compile_options(unweight_options INTERFACE
    $<$<COMPILE_LANGUAGE:CUDA>:-Werror=all-warnings>)
  target_compile_options(unweight_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Werror>)
endif()
if(UNWEIGHT_SANITIZE)
  target_compile_options(unweight_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:
    -fsanitize=${UNWEIGHT_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -g>)
  target_link_options(unweight_options INTERFACE -fsanitize=${UNWEIGHT_SANITIZE})
endif()
if(UNWEIGHT_FUZZERS)
  # The rooms report their coverage to libFuzzer; only the fuzzers themselves link its main().
  target_compile_options(unweight_options INTERFACE
    $<$<COMPILE_LANGUAGE:CXX>:-fsanitize=fuzzer-no-link>)
  target_link_options(unweight_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
