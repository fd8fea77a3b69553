# The CUDA backend, librunnel-cuda.so. Without the toolkit nothing of it is built.
#   RUNNEL_CUDA_ARCHS   what it runs on at once; others compile the newest PTX when it is opened
set(RUNNEL_CUDA_ARCHS "90a-real;80-virtual" CACHE STRING "GPU architectures (CMAKE_CUDA_ARCHITECTURES)")
find_package(CUDAToolkit 12.8 QUIET)
find_path(CUDNN_INCLUDE_DIR cudnn.h HINTS ${CUDAToolkit_INCLUDE_DIRS})
if(NOT CUDAToolkit_FOUND OR NOT TARGET CUDA::cublasLt OR NOT CUDNN_INCLUDE_DIR
   OR NOT EXISTS "${CUDAToolkit_NVCC_EXECUTABLE}")
  message(STATUS "no CUDA toolkit of 12.8 or later with nvcc, cuBLASLt and cudnn.h: librunnel-cuda.so is not built")
  return()
endif()
if(RUNNEL_FUZZ OR RUNNEL_SANITIZE) # the same code is looked at by tests/emu
  return()
endif()
set(CMAKE_CUDA_COMPILER ${CUDAToolkit_NVCC_EXECUTABLE})
set(CMAKE_CUDA_ARCHITECTURES ${RUNNEL_CUDA_ARCHS})
if(CMAKE_C_COMPILER_LAUNCHER)
  set(CMAKE_CUDA_COMPILER_LAUNCHER ${CMAKE_C_COMPILER_LAUNCHER})
endif()
enable_language(CUDA)

file(GLOB cuda_sources CONFIGURE_DEPENDS kernels/cuda/*.c kernels/cuda/*.cu)
add_library(runnel-cuda MODULE ${cuda_sources})
set_target_properties(runnel-cuda PROPERTIES CUDA_STANDARD 17 CUDA_RUNTIME_LIBRARY Static
                      LINK_OPTIONS "-Wl,--no-undefined")
target_compile_definitions(runnel-cuda PRIVATE
  RUNNEL_CUDA_VERSION="${CUDAToolkit_VERSION_MAJOR}.${CUDAToolkit_VERSION_MINOR}")
target_compile_options(runnel-cuda PRIVATE
  "$<$<COMPILE_LANGUAGE:CUDA>:--Werror=all-warnings;-lineinfo;-Xcompiler=-Wall,-Wextra>")
target_include_directories(runnel-cuda SYSTEM PRIVATE ${CUDNN_INCLUDE_DIR})
target_link_libraries(runnel-cuda PRIVATE kernels CUDA::cudart_static CUDA::cublasLt)

# Whether cuDNN takes our graphs on cards that are not here: tests/cuda/run.sh, of `make cuda-all`.
add_executable(cudnn-archs EXCLUDE_FROM_ALL tests/cuda/cudnn_archs.c kernels/cuda/sdpa_graph.c
               kernels/cuda/cudnn_graph.c)
target_include_directories(cudnn-archs PRIVATE kernels/cuda)
target_include_directories(cudnn-archs SYSTEM PRIVATE ${CUDNN_INCLUDE_DIR} ${CUDAToolkit_INCLUDE_DIRS})
target_link_libraries(cudnn-archs PRIVATE base)
