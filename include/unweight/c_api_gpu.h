/* SPDX-License-Identifier: BSD-3-Clause
 *
 * unweight for C, on NVIDIA Hopper GPUs: the calls of gpu.h and gpu_load.h behind plain structs.
 * Link libunweight_cuda (and libunweight).
 *
 * The conventions of c_api.h, and
 * - Device pointers are memory of the current device, passed as void* where they have no type.
 *   Sections are 16-byte aligned, workspaces and whole tensors 256-byte aligned.
 * - A stream is a cudaStream_t, passed as void*; NULL is the default stream.
 * - Functions that take a stream only enqueue work (no allocation, no synchronisation: they can be
 *   captured in a graph) unless they say that they wait. UW_OK of such a call speaks of its
 *   arguments and the launch; what the data was like is in device memory.
 * - UW_UNSUPPORTED: no driver, no device, or not one that there is code for.
 */
#ifndef UNWEIGHT_C_API_GPU_H
#define UNWEIGHT_C_API_GPU_H

#include "unweight/c_api.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Devices ------------------------------------------------------------------------------ */

typedef struct uw_gpu_device {
  uint64_t struct_size;
  char name[256];        /* out */
  uint64_t memory_bytes; /* out */
  int32_t ordinal;       /* out: CUDA's */
  uint32_t num_sms;      /* out */
} uw_gpu_device;
UW_DEFINE_INIT(uw_gpu_device)

/* How many devices there is code for; 0 without a driver. */
UW_API uint64_t uw_gpu_num_devices(void);
/* The i-th of them. Errors: UW_INVALID_ARGUMENT (NULL), UW_UNSUPPORTED (there is none). */
UW_API uw_status uw_gpu_get_device(uint64_t i, uw_gpu_device* device, uw_error* error);

/* ---- Packed tensors in device memory ------------------------------------------------------ */

#define UW_GPU_RECORD_BYTES UINT64_C(22528)

/* How large a packed tensor is, or may become. */
typedef struct uw_gpu_extents {
  uint64_t struct_size;
  uint64_t rows, cols;
  uint64_t num_verbatim_rows;      /* room for these; radix: for escapes, here and below */
  uint64_t stream_bytes;           /* huffman: room for all streams and 64 more */
  uint32_t max_chunk_stream_bytes; /* huffman: of the longest chunk; 0: unknown */
  uw_family family;                /* UW_FAMILY_PALETTE, _HUFFMAN or _RADIX */
} uw_gpu_extents;
UW_DEFINE_INIT(uw_gpu_extents)

/* Where a packed tensor's sections are. Owns nothing. The fields of uw_gpu_extents, then device
 * pointers; those of sections that the family does not have are NULL. */
typedef struct uw_gpu_tensor {
  uint64_t struct_size;
  uint64_t rows, cols;
  uint64_t num_verbatim_rows;
  uint64_t stream_bytes;
  uint32_t max_chunk_stream_bytes;
  uw_family family;
  void* record;             /* UW_GPU_RECORD_BYTES */
  void* chunk_streams;      /* huffman: 40 bytes a chunk */
  void* verbatim_index;     /* 8 bytes a chunk */
  void* verbatim_positions; /* 2 bytes a verbatim row */
  void* verbatim_rows;      /* 8 bytes a verbatim row, 1 an escape */
  void* sign_mantissa;      /* 1024 bytes a tile */
  void* codes;              /* palette: 512 bytes a tile; radix: 448 */
  void* stream;             /* huffman: stream_bytes */
} uw_gpu_tensor;
UW_DEFINE_INIT(uw_gpu_tensor)

/* Bounds for encoding any matrix of these dimensions. Errors: UW_INVALID_ARGUMENT (NULL, family,
 * more than 2^35 weights). */
UW_API uw_status uw_gpu_worst_case_extents(uw_family family, uint64_t rows, uint64_t cols,
                                           uw_gpu_extents* extents, uw_error* error);
/* Of a whole blob in host memory. Errors: as uw_packed_info. */
UW_API uw_status uw_gpu_blob_extents(const void* packed, uint64_t packed_bytes,
                                     uw_gpu_extents* extents, uw_error* error);
/* Device bytes of record and sections one after the other. Errors: UW_INVALID_ARGUMENT. */
UW_API uw_status uw_gpu_tensor_bytes(const uw_gpu_extents* extents, uint64_t* bytes,
                                     uw_error* error);
/* The tensor so placed at `memory`, uw_gpu_tensor_bytes of the device, 256-byte aligned. Errors:
 * UW_INVALID_ARGUMENT. */
UW_API uw_status uw_gpu_place_tensor(const uw_gpu_extents* extents, void* memory,
                                     uw_gpu_tensor* tensor, uw_error* error);

/* ---- Encode ------------------------------------------------------------------------------- */

typedef struct uw_gpu_encode_options {
  uint64_t struct_size;
  uint32_t max_sms; /* 0: all */
  int32_t reserved; /* 0 */
} uw_gpu_encode_options;
UW_DEFINE_INIT(uw_gpu_encode_options)

/* Scratch of one uw_gpu_encode. Errors: UW_INVALID_ARGUMENT. */
UW_API uw_status uw_gpu_encode_workspace_bytes(uw_family family, uint64_t rows, uint64_t cols,
                                               uint64_t* bytes, uw_error* error);
/* Encodes device weights into *tensor, whose extents name family and dimensions and bound what is
 * written. Errors: UW_INVALID_ARGUMENT, UW_UNSUPPORTED. */
UW_API uw_status uw_gpu_encode(const uint16_t* weights, uint64_t rows, uint64_t cols,
                               uint64_t row_stride_elems, const uw_gpu_tensor* tensor,
                               void* workspace, uint64_t workspace_bytes, void* stream,
                               const uw_gpu_encode_options* options, uw_error* error);

typedef struct uw_gpu_encode_outcome {
  uint64_t struct_size;
  uint64_t num_verbatim_rows;      /* out */
  uint64_t stream_bytes;           /* out: huffman: tail of 64 bytes included */
  uint32_t max_chunk_stream_bytes; /* out */
  int32_t fits; /* out: 0: the extents were too small, verbatim rows or streams are missing */
} uw_gpu_encode_outcome;
UW_DEFINE_INIT(uw_gpu_encode_outcome)

/* Waits for `stream` and reads what a uw_gpu_encode on it decided. */
UW_API uw_status uw_gpu_get_encode_outcome(const uw_gpu_tensor* tensor, void* stream,
                                           uw_gpu_encode_outcome* outcome, uw_error* error);

/* ---- Decode ------------------------------------------------------------------------------- */

enum {                             /* bits of the status word */
       UW_GPU_STREAM_MISMATCH = 1, /* codes do not end where their strings do */
       UW_GPU_BAD_INDEX = 2        /* an index points outside its section */
};

typedef struct uw_gpu_decode_options {
  uint64_t struct_size;
  uint32_t* status; /* device word that UW_GPU_ bits are ORed into; NULL: not wanted */
  uint32_t max_sms; /* 0: all */
  int32_t reserved; /* 0 */
} uw_gpu_decode_options;
UW_DEFINE_INIT(uw_gpu_decode_options)

/* All of them stay inside their buffers whatever the tensor's bytes are. Errors:
 * UW_INVALID_ARGUMENT, UW_UNSUPPORTED. */

/* Row-major BF16, every bit of the original. */
UW_API uw_status uw_gpu_decode(const uw_gpu_tensor* tensor, uint16_t* weights, uint64_t rows,
                               uint64_t cols, uint64_t row_stride_elems, void* stream,
                               const uw_gpu_decode_options* options, uw_error* error);
/* BF16 in tile order, 2048 bytes a tile. */
UW_API uw_status uw_gpu_decode_to_tiles(const uw_gpu_tensor* tensor, void* tiles, void* stream,
                                        const uw_gpu_decode_options* options, uw_error* error);
/* huffman: exponent bytes in tile order, 1024 bytes a tile. */
UW_API uw_status uw_gpu_decode_exponents(const uw_gpu_tensor* tensor, void* exponents, void* stream,
                                         const uw_gpu_decode_options* options, uw_error* error);
/* huffman: the codes section of the palette family, 512 bytes a tile. */
UW_API uw_status uw_gpu_transcode_to_codes(const uw_gpu_tensor* tensor, void* codes, void* stream,
                                           const uw_gpu_decode_options* options, uw_error* error);

/* ---- Blobs: allocate, copy and wait ------------------------------------------------------- */

/* Copies a validated blob (host) to *tensor, whose extents are uw_gpu_blob_extents. */
UW_API uw_status uw_gpu_upload(const void* packed, uint64_t packed_bytes,
                               const uw_gpu_tensor* tensor, void* stream, uw_error* error);
/* Encodes device weights into a blob in host memory; release it with uw_buffer_free. */
UW_API uw_status uw_gpu_encode_blob(const uint16_t* weights, uint64_t rows, uint64_t cols,
                                    uint64_t row_stride_elems, uw_family family, void* stream,
                                    uw_buffer* packed, uw_error* error);

/* ---- Loading whole bundles ---------------------------------------------------------------- */

typedef struct uw_gpu_load_options {
  uint64_t struct_size;
  uint64_t staging_bytes;       /* pinned host memory; 0: 256 MiB */
  uint32_t num_threads;         /* 0: all cores, at most 16 */
  int32_t device;               /* CUDA's ordinal */
  int32_t transcode_to_palette; /* 1: huffman tensors become palette tensors in GPU memory */
  int32_t no_verify_checksums;
  const char* const* include; /* num_include glob patterns over tensor names; none: all */
  uint64_t num_include;
  const char* const* exclude; /* num_exclude patterns; they win over include */
  uint64_t num_exclude;
  uw_progress_fn progress; /* NULL: none; counts bytes as stored; called from loading threads */
  void* user;
} uw_gpu_load_options;
UW_DEFINE_INIT(uw_gpu_load_options)

typedef struct uw_gpu_loader uw_gpu_loader; /* pinned memory, streams, threads */
typedef struct uw_gpu_model uw_gpu_model;   /* a model in GPU memory: one allocation */

/* *loader is cleared on errors. Errors: UW_INVALID_ARGUMENT, UW_UNSUPPORTED, UW_OUT_OF_MEMORY. */
UW_API uw_status uw_gpu_loader_create(const uw_gpu_load_options* options, uw_gpu_loader** loader,
                                      uw_error* error);
/* Returns when the whole model is in GPU memory. One call at a time. *model is cleared on errors,
 * after which the loader can be used again. Errors: those of reading a bundle, UW_OUT_OF_MEMORY,
 * UW_CANCELLED. */
UW_API uw_status uw_gpu_loader_load(uw_gpu_loader* loader, const char* bundle, uw_gpu_model** model,
                                    uw_error* error);
/* NULL is fine. Models stay. */
UW_API void uw_gpu_loader_free(uw_gpu_loader* loader);
/* A loader for one bundle. */
UW_API uw_status uw_gpu_load(const char* bundle, const uw_gpu_load_options* options,
                             uw_gpu_model** model, uw_error* error);
/* Waits for the device. NULL is fine. */
UW_API void uw_gpu_model_free(uw_gpu_model* model);

typedef struct uw_gpu_loaded_tensor {
  uint64_t struct_size;
  const char* name;  /* out: of the original; this and the next three live as long as the model */
  const char* dtype; /* out: "BF16" */
  const char* file;  /* out: relative to the directory, or the file's name */
  const uint64_t* shape;   /* out: `rank` dimensions */
  uint64_t rank;           /* out */
  void* data;              /* out: UW_FAMILY_RAW: device pointer to the bytes; else NULL */
  uint64_t bytes;          /* out: on the device */
  uw_family family;        /* out: in GPU memory */
  uw_family stored_family; /* out */
} uw_gpu_loaded_tensor;
UW_DEFINE_INIT(uw_gpu_loaded_tensor)

/* 0 for NULL. */
UW_API uint64_t uw_gpu_model_num_tensors(const uw_gpu_model* model);
/* Tensor i, by file, then in data order. `packed` (may be NULL) gets where its sections are; it is
 * left alone for UW_FAMILY_RAW. Errors: UW_INVALID_ARGUMENT. */
UW_API uw_status uw_gpu_model_tensor(const uw_gpu_model* model, uint64_t i,
                                     uw_gpu_loaded_tensor* tensor, uw_gpu_tensor* packed,
                                     uw_error* error);
/* The same by name. Errors: UW_INVALID_ARGUMENT (NULL), UW_NOT_FOUND. */
UW_API uw_status uw_gpu_model_find(const uw_gpu_model* model, const char* name,
                                   uw_gpu_loaded_tensor* tensor, uw_gpu_tensor* packed,
                                   uw_error* error);

typedef struct uw_gpu_load_report {
  uint64_t struct_size;
  uint64_t device_bytes, scratch_bytes; /* out: of the model; besides, while it was loaded */
  uint64_t copied_bytes;                /* out: over PCIe */
  uint64_t original_bytes;              /* out: of the tensors, uncompressed */
  uint64_t num_packed, num_carried;     /* out */
  double seconds;                       /* out: all of it; then its parts */
  double plan_seconds, allocate_seconds, copy_seconds;
  uint32_t num_threads; /* out */
  int32_t reserved;
} uw_gpu_load_report;
UW_DEFINE_INIT(uw_gpu_load_report)

/* Errors: UW_INVALID_ARGUMENT. */
UW_API uw_status uw_gpu_model_report(const uw_gpu_model* model, uw_gpu_load_report* report,
                                     uw_error* error);

#ifdef __cplusplus
}
#endif

#endif /* UNWEIGHT_C_API_GPU_H */
