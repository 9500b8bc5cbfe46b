/* The part of DLPack 1.3 that the module uses: descriptions of tensors in memory, and the table of
 * C functions of a library of tensors. Source: https://dmlc.github.io/dlpack/latest/ */
#ifndef JITATTN_PYTHON_DLPACK_H_
#define JITATTN_PYTHON_DLPACK_H_

#include <stdint.h>

enum { kDLCPU = 1 };
enum { kDLInt = 0, kDLUInt = 1, kDLFloat = 2, kDLBfloat = 4, kDLBool = 6 };
enum { kDLReadOnly = 1 }; /* a flag of a versioned tensor */

typedef struct {
  int32_t device_type, device_id;
} DLDevice;

typedef struct {
  uint8_t code, bits;
  uint16_t lanes;
} DLDataType;

typedef struct {
  void* data;
  DLDevice device;
  int32_t ndim;
  DLDataType dtype;
  int64_t* shape;
  int64_t* strides; /* in elements; NULL: contiguous */
  uint64_t byte_offset;
} DLTensor;

typedef struct DLManagedTensor {
  DLTensor dl_tensor;
  void* manager_ctx;
  void (*deleter)(struct DLManagedTensor* self);
} DLManagedTensor;

typedef struct {
  uint32_t major, minor;
} DLPackVersion;

typedef struct DLManagedTensorVersioned {
  DLPackVersion version;
  void* manager_ctx;
  void (*deleter)(struct DLManagedTensorVersioned* self);
  uint64_t flags;
  DLTensor dl_tensor;
} DLManagedTensorVersioned;

/* Functions return 0, or -1 with a Python error set. */
typedef struct DLPackExchangeApi {
  DLPackVersion version;
  struct DLPackExchangeApi* previous; /* a table of an earlier version, or NULL */
  int (*allocate)(DLTensor* prototype, DLManagedTensorVersioned** out, void* error_context,
                  void (*set_error)(void* error_context, const char* kind, const char* message));
  int (*managed_from_object)(void* object, DLManagedTensorVersioned** out);
  int (*object_from_managed)(DLManagedTensorVersioned* tensor, void** out_object);
  int (*view_of_object)(void* object, DLTensor* out); /* may be NULL */
  int (*current_stream)(int32_t device_type, int32_t device_id, void** out);
} DLPackExchangeApi;

#endif /* JITATTN_PYTHON_DLPACK_H_ */
