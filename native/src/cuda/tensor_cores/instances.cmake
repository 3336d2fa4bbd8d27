# moba_attend_instances(result cores): source files, one for each element type and head dimension, of the kernels in a
# folder beside this one.
function(moba_attend_instances result cores)
  set(files)
  foreach(element F16 BF16)
    foreach(head_dim 64 96 128 192 256)
      set(file ${CMAKE_CURRENT_BINARY_DIR}/${cores}_${element}_${head_dim}.cpp)
      configure_file(${PROJECT_SOURCE_DIR}/native/src/cuda/tensor_cores/instance.cpp.in ${file} @ONLY)
      list(APPEND files ${file})
    endforeach()
  endforeach()
  set(${result} ${files} PARENT_SCOPE)
endfunction()
