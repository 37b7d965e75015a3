# SPDX-License-Identifier: BSD-3-Clause
#
# unweight_room(NAME [CUDA] SOURCES a.cpp ... [DEPS room ...] [LIBS lib ...])
#   One library per room, `unweight_<name>`; the objects of all of them make up libunweight.a, those
#   of rooms marked CUDA libunweight_cuda.a.
#   fmt is taken header-only, so that libunweight.a needs no library of somebody else; in builds with
#   sanitizers, which nobody installs, from its library: a third of their compile time.
# unweight_test(NAME SOURCES a_test.cpp ... DEPS room ... [LIBS lib ...] [LABELS ...])
#   One GoogleTest binary; every case is a CTest test. With the label gpu it belongs to gpu_tests.
# unweight_bench(NAME SOURCES a_bench.cpp ... DEPS room ... [LIBS lib ...])
# unweight_fuzzer(NAME SOURCES a_fuzz.cpp DEPS room ...)
#   One libFuzzer binary build/bin/fuzz_<name>; only with -DUNWEIGHT_FUZZERS=ON and clang. The target
#   `fuzzers` builds all of them.
# unweight_unity(TARGET ...)
#   With -DUNWEIGHT_UNITY=ON: files of these may be compiled together. Not of others, where names of
#   anonymous namespaces meet.
# unweight_gpu_binary(gpu_tests|gpu_benches NAME)
#   The target gpu_tests (gpu_benches) builds NAME; its name goes to gpu_tests.txt in the build folder,
#   by which tools/gpu.sh finds the binaries of a build folder that another machine made.

if(UNWEIGHT_SANITIZE)
  set(UNWEIGHT_FMT fmt::fmt)
else()
  set(UNWEIGHT_FMT fmt::fmt-header-only)
endif()

define_property(GLOBAL PROPERTY UNWEIGHT_ROOMS BRIEF_DOCS "rooms of libunweight.a")
define_property(GLOBAL PROPERTY UNWEIGHT_CUDA_ROOMS BRIEF_DOCS "rooms of libunweight_cuda.a")

function(unweight_room name)
  cmake_parse_arguments(ARG "CUDA" "" "SOURCES;DEPS;LIBS" ${ARGN})
  list(TRANSFORM ARG_LIBS REPLACE "^fmt::fmt$" "${UNWEIGHT_FMT}")
  add_library(unweight_${name} STATIC ${ARG_SOURCES})
  target_include_directories(unweight_${name} PUBLIC ${PROJECT_SOURCE_DIR}/include
                                                     ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(unweight_${name} PRIVATE unweight_options ${ARG_LIBS})
  foreach(dep IN LISTS ARG_DEPS)
    target_link_libraries(unweight_${name} PUBLIC unweight_${dep})
  endforeach()
  if(ARG_CUDA)
    set_property(GLOBAL APPEND PROPERTY UNWEIGHT_CUDA_ROOMS unweight_${name})
  else()
    set_property(GLOBAL APPEND PROPERTY UNWEIGHT_ROOMS unweight_${name})
  endif()
endfunction()

function(unweight_link_rooms target)
  foreach(dep IN LISTS ARGN)
    target_link_libraries(${target} PRIVATE unweight_${dep})
  endforeach()
  target_link_libraries(${target} PRIVATE unweight_options Threads::Threads)
endfunction()

function(unweight_unity)
  foreach(target IN LISTS ARGN)
    if(UNWEIGHT_UNITY AND TARGET ${target})
      set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 6)
    endif()
  endforeach()
endfunction()

function(unweight_gpu_binary group name)
  if(NOT TARGET ${group})
    add_custom_target(${group})
  endif()
  add_dependencies(${group} ${name})
  set_property(GLOBAL APPEND_STRING PROPERTY unweight_${group} "${name}\n")
  get_property(names GLOBAL PROPERTY unweight_${group})
  file(WRITE ${PROJECT_BINARY_DIR}/${group}.txt "${names}")
endfunction()

function(unweight_test name)
  if(NOT UNWEIGHT_TESTS)
    return()
  endif()
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;LIBS;LABELS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  unweight_link_rooms(${name} ${ARG_DEPS})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_compile_definitions(${name} PRIVATE
    UNWEIGHT_SOURCE_DIR="${PROJECT_SOURCE_DIR}" UNWEIGHT_BINARY_DIR="${PROJECT_BINARY_DIR}")
  target_link_libraries(${name} PRIVATE ${ARG_LIBS} GTest::gtest_main)
  # What is tested is optimised as ever; optimising the tests would double the time to compile them.
  # (Not -O1: GCC 12 then warns of array bounds where nothing is wrong.)
  target_compile_options(${name} PRIVATE $<$<AND:$<COMPILE_LANG_AND_ID:CXX,GNU>,$<CONFIG:Release>>:-O0>)
  include(GoogleTest)
  set(properties TIMEOUT 900)
  if(ARG_LABELS)
    list(APPEND properties LABELS "${ARG_LABELS}")
  endif()
  if("gpu" IN_LIST ARG_LABELS)
    unweight_gpu_binary(gpu_tests ${name})
    list(APPEND properties RESOURCE_LOCK gpu) # they look at how much memory is free
  endif()
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 120 PROPERTIES ${properties})
endfunction()

function(unweight_bench name)
  if(NOT UNWEIGHT_BENCHES)
    return()
  endif()
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;LIBS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  unweight_link_rooms(${name} ${ARG_DEPS})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_link_libraries(${name} PRIVATE ${ARG_LIBS} benchmark::benchmark)
endfunction()

function(unweight_fuzzer name)
  if(NOT UNWEIGHT_FUZZERS)
    return()
  endif()
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;LIBS" ${ARGN})
  add_executable(fuzz_${name} ${ARG_SOURCES})
  unweight_link_rooms(fuzz_${name} ${ARG_DEPS})
  target_include_directories(fuzz_${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_compile_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  if(NOT TARGET fuzzers)
    add_custom_target(fuzzers)
  endif()
  add_dependencies(fuzzers fuzz_${name})
  target_link_libraries(fuzz_${name} PRIVATE ${ARG_LIBS})
endfunction()
