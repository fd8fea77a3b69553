# Tests of the CUDA kernels without a GPU: librunnel-emu-kernels.so is the CPU backend with those
# kernels in place of its own, compiled as C++ and run by the emulator (cuda_emu.h).
if(RUNNEL_SANITIZE MATCHES thread)
  message(STATUS "the CUDA kernels are not tested: the thread sanitizer does not know fibers")
  return()
endif()
include(CheckLanguage)
check_language(CXX)
find_package(CUDAToolkit QUIET)
if(NOT CMAKE_CXX_COMPILER OR NOT CUDAToolkit_FOUND OR NOT CUDNN_INCLUDE_DIR)
  message(STATUS "no CUDA toolkit, cudnn.h or C++ compiler: the CUDA kernels are not tested")
  return()
endif()
if(CMAKE_C_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_C_COMPILER_LAUNCHER})
endif()
enable_language(CXX)
set(CMAKE_CXX_STANDARD 17)

# emu_sources(OUT files...): for each .cu file a C++ file that compiles it for the emulator.
function(emu_sources out)
  set(all "")
  foreach(kernel ${ARGN})
    get_filename_component(name ${kernel} NAME_WE)
    set(source ${CMAKE_BINARY_DIR}/emu/${name}.cpp)
    file(CONFIGURE OUTPUT ${source} CONTENT "#include \"cuda_emu.h\"\n#include \"${kernel}\"\n" @ONLY)
    list(APPEND all ${source})
  endforeach()
  set(${out} ${all} PARENT_SCOPE)
endfunction()

# The emulator with the kernels on it, in both devices.
file(GLOB cuda_kernels CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/kernels/cuda/*_cuda.cu)
emu_sources(emu_kernels ${cuda_kernels})
add_library(emu OBJECT tests/emu/cuda_emu.cpp tests/emu/mma_emu.cpp ${emu_kernels})
set_target_properties(emu PROPERTIES POSITION_INDEPENDENT_CODE ON)
target_include_directories(emu PUBLIC tests/emu kernels/cuda)
target_include_directories(emu SYSTEM PUBLIC ${CUDAToolkit_INCLUDE_DIRS})
target_compile_options(emu PUBLIC -O2 -Wno-unknown-pragmas)
target_link_libraries(emu PUBLIC kernels)

add_library(runnel-emu-kernels MODULE tests/emu/kernels_plugin.c tests/emu/at_once.cpp)
target_link_libraries(runnel-emu-kernels PRIVATE emu)
add_dependencies(runnel-emu-kernels runnel-cpu)

# The same guard around kernels that lie.
add_library(runnel-emu-liars MODULE tests/emu/kernels_plugin.c tests/emu/at_once.cpp
            tests/emu/cuda_emu.cpp tests/emu/liars.cpp)
target_include_directories(runnel-emu-liars PRIVATE tests/emu kernels/cuda)
target_include_directories(runnel-emu-liars SYSTEM PRIVATE ${CUDAToolkit_INCLUDE_DIRS})
target_link_libraries(runnel-emu-liars PRIVATE kernels)
add_dependencies(runnel-emu-liars runnel-cpu)

# The stand-in for CUDA's runtime: one of each process, whichever plugins compute and talk there.
add_library(runnel-cudart-emu SHARED tests/emu/cudart.cpp)
target_include_directories(runnel-cudart-emu PUBLIC tests/emu)
target_include_directories(runnel-cudart-emu SYSTEM PUBLIC ${CUDAToolkit_INCLUDE_DIRS})

# librunnel-cuda-emu.so is the CUDA backend as it is, over stand-ins for CUDA's runtime and libraries.
file(GLOB cuda_host CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/kernels/cuda/*.c)
file(GLOB cuda_more CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/kernels/cuda/*.cu)
list(REMOVE_ITEM cuda_more ${cuda_kernels})
emu_sources(emu_more ${cuda_more})
add_library(runnel-cuda-emu MODULE ${cuda_host} ${emu_more} tests/emu/cublaslt.cpp
            tests/emu/cudnn.cpp)
# cuDNN is opened by name: it is this library itself, which says its name because a sanitizer's dlopen
# does not look where the caller's would.
target_compile_definitions(runnel-cuda-emu PRIVATE RUNNEL_CUDA_VERSION="emulated"
                           RUNNEL_CUDNN_LIBRARY="librunnel-cuda-emu.so")
set_target_properties(runnel-cuda-emu PROPERTIES BUILD_RPATH "$ORIGIN")
target_include_directories(runnel-cuda-emu SYSTEM PRIVATE ${CUDNN_INCLUDE_DIR})
target_link_libraries(runnel-cuda-emu PRIVATE emu runnel-cudart-emu PkgConfig::OPENBLAS)
target_link_options(runnel-cuda-emu PRIVATE -Wl,-soname,librunnel-cuda-emu.so)
if(NOT CMAKE_C_COMPILER_ID MATCHES Clang) # whose sanitizers are linked once, to the program
  target_link_options(runnel-cuda-emu PRIVATE -Wl,--no-undefined)
endif()
if(TARGET test-kernels)
  add_dependencies(test-kernels runnel-emu-kernels runnel-emu-liars runnel-cuda-emu)
endif()

# librunnel-nccl-emu.so likewise: what ranks on GPUs talk through, and its stand-in for NCCL.
if(NCCL_INCLUDE_DIR)
  add_library(runnel-nccl-emu MODULE ${nccl_sources} tests/emu/nccl.cpp)
  target_compile_definitions(runnel-nccl-emu PRIVATE RUNNEL_NCCL_LIBRARY="librunnel-nccl-emu.so")
  set_target_properties(runnel-nccl-emu PROPERTIES BUILD_RPATH "$ORIGIN")
  target_include_directories(runnel-nccl-emu SYSTEM PRIVATE ${NCCL_INCLUDE_DIR})
  target_link_libraries(runnel-nccl-emu PRIVATE kernels runnel-cudart-emu)
  target_link_options(runnel-nccl-emu PRIVATE -Wl,-soname,librunnel-nccl-emu.so)
  add_dependencies(runnel-cuda-emu runnel-nccl-emu)
endif()

# The emulator itself: add_selftest(NAME options...)
function(add_selftest name)
  add_executable(test-${name} tests/emu/selftest.cpp tests/emu/cuda_emu.cpp tests/emu/mma_emu.cpp
                 tests/emu/at_once.cpp)
  target_include_directories(test-${name} PRIVATE tests/emu kernels/cuda)
  target_include_directories(test-${name} SYSTEM PRIVATE ${CUDAToolkit_INCLUDE_DIRS})
  target_compile_options(test-${name} PRIVATE -O1 ${ARGN})
  target_link_options(test-${name} PRIVATE ${ARGN})
  add_test(NAME ${name} COMMAND test-${name})
endfunction()
add_selftest(emu)
# With the address sanitizer it sees reads, too; what kernels read: tests/emu/asan.sh.
if(NOT RUNNEL_SANITIZE AND NOT RUNNEL_FUZZ AND NOT CMAKE_CROSSCOMPILING)
  add_selftest(emu-asan -fsanitize=address,undefined)
endif()

# What the compiler for GPUs says of each kernel.
add_test(NAME cuda-registers COMMAND bash ${CMAKE_SOURCE_DIR}/tests/emu/registers.sh)
set_tests_properties(cuda-registers PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 1800)
