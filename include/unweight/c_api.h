/* SPDX-License-Identifier: BSD-3-Clause
 *
 * unweight for C: the calls of codec.h and bundle.h behind plain structs.
 *
 * Conventions
 * - Every function that can fail returns a uw_status and takes a uw_error* (may be NULL) that gets
 *   the code and a message; on UW_OK it is cleared. No function throws, prints or exits.
 * - All memory is host memory. Matrices are row-major BF16 bit patterns in uint16_t: rows x cols
 *   weights, row i begins at data + i * row_stride_elems, row_stride_elems >= cols.
 * - Structs that may grow begin with struct_size: zero the struct and set it to its sizeof, which
 * is what e.g. uw_encode_options_init() returns. Zero means "default" in every option. A caller
 * built against an older or newer header than the library works as long as the fields that one of
 * them does not know are zero.
 * - Option pointers may be NULL (all defaults). Report pointers may be NULL (not wanted).
 * - Strings are UTF-8 with a final NUL. Paths are the bytes that the operating system uses.
 * - Functions may be called from several threads at once on different data.
 */
#ifndef UNWEIGHT_C_API_H
#define UNWEIGHT_C_API_H

#include <stdint.h>
#include <string.h>

#include "unweight/version.h"

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define UW_API __attribute__((visibility("default")))
#else
#define UW_API
#endif

/* Defines `type type_init(void)`: all zero, struct_size set. */
#define UW_DEFINE_INIT(type)             \
  static inline type type##_init(void) { \
    type zeroed;                         \
    memset(&zeroed, 0, sizeof(type));    \
    zeroed.struct_size = sizeof(type);   \
    return zeroed;                       \
  }

/* ---- Status and errors -------------------------------------------------------------------- */

typedef int32_t uw_status;
enum {
  UW_OK = 0,
  UW_INVALID_ARGUMENT = 1,  /* what the caller passed, whatever any file contains */
  UW_INVALID_FORMAT = 2,    /* a file or blob is not what it claims to be */
  UW_CHECKSUM_MISMATCH = 3, /* sound structure, but not the bytes that were written */
  UW_UNSUPPORTED = 4,       /* from a newer version, or outside what is implemented */
  UW_NOT_FOUND = 5,         /* a path does not exist */
  UW_ALREADY_EXISTS = 6,    /* the destination exists and overwrite was not set */
  UW_IO = 7,                /* the operating system refused; the message has its words */
  UW_NO_SPACE = 8,          /* disk or quota full; nothing was left under the final name */
  UW_SOURCE_CHANGED = 9,    /* the source changed while it was being read */
  UW_OUT_OF_MEMORY = 10,
  UW_CANCELLED = 11, /* the progress callback asked to stop */
  UW_INTERNAL = 12,  /* a bug: self-verification failed */
  UW_MISMATCH = 13   /* uw_verify only: checked to the end, differences found */
};

typedef struct uw_error {
  uw_status status;
  char message[508]; /* cut at a character boundary if longer */
} uw_error;

/* Lower-case name ("invalid_format"), static; "unknown" for other values. */
UW_API const char* uw_status_name(uw_status status);

/* "0.1.0" of the library that is linked, static; compare with UNWEIGHT_VERSION_STRING. */
UW_API const char* uw_version(void);
/* "avx512", "avx2" or "portable": what the codec runs on here, static. */
UW_API const char* uw_isa(void);

/* ---- Tensors in memory -------------------------------------------------------------------- */

typedef int32_t uw_family;
enum {                     /* not the values on disk: here 0 is the default of every option */
       UW_FAMILY_AUTO = 0, /* options only: palette or Huffman, the smaller */
       UW_FAMILY_RAW = 1,  /* carried as it is */
       UW_FAMILY_PALETTE = 2,
       UW_FAMILY_HUFFMAN = 3,
       UW_FAMILY_RADIX = 4
};

/* Bytes owned by the library: read data[0 .. bytes), release with uw_buffer_free. */
typedef struct uw_buffer {
  const uint8_t* data;
  uint64_t bytes;
  void* owner; /* private */
} uw_buffer;
/* Releases and clears *buffer. NULL and cleared buffers are fine. */
UW_API void uw_buffer_free(uw_buffer* buffer);

/* The matrix that a tensor of `rank` dimensions is packed as (same elements, same order). shape may
 * be NULL for rank 0. Errors: UW_INVALID_ARGUMENT (NULL). */
UW_API uw_status uw_matrix_dims(const uint64_t* shape, uint64_t rank, uint64_t* rows,
                                uint64_t* cols, uw_error* error);

typedef struct uw_tensor_analysis {
  uint64_t struct_size;
  uint64_t exponent_count[256]; /* out: weights by exponent */
  double exponent_entropy_bits; /* out: Shannon entropy of exponent_count */
  double palette_coverage;      /* out: fraction of the weights inside the palette */
  uint8_t palette[16];          /* out: strictly ascending exponents */
  uint64_t huffman_code_bits;   /* out: all Huffman codes of the padded matrix */
  uint64_t num_verbatim_rows;   /* out: rows of 8 weights with one outside the palette */
  uint64_t palette_bytes;       /* out: exact size of the packed tensor */
  uint64_t huffman_bytes;       /* out: estimate, within 0.5 % */
  uw_family smallest;           /* out: UW_FAMILY_RAW unless 1 % or more is gained */
  int32_t palette_is_run;       /* out: 1 if palette[i] == palette[0] + i */
  uint64_t num_escapes;         /* out: weights outside the run of 11 of the radix family */
  uint64_t radix_bytes;         /* out: exact size of the packed tensor */
} uw_tensor_analysis;
UW_DEFINE_INIT(uw_tensor_analysis)

/* num_threads 0: all cores. weights may be NULL if rows or cols is 0. Errors:
 * UW_INVALID_ARGUMENT (pointers, stride, dimensions that overflow). */
UW_API uw_status uw_analyze(const uint16_t* weights, uint64_t rows, uint64_t cols,
                            uint64_t row_stride_elems, uint32_t num_threads,
                            uw_tensor_analysis* analysis, uw_error* error);

typedef struct uw_encode_options {
  uint64_t struct_size;
  uint32_t num_threads;  /* 0: all cores */
  uw_family family;      /* any but UW_FAMILY_RAW */
  int32_t no_self_check; /* 1: do not decode every chunk again and compare */
  int32_t reserved;      /* 0 */
} uw_encode_options;
UW_DEFINE_INIT(uw_encode_options)

/* Packs a matrix into *packed (overwritten, not released first; cleared on errors). Errors:
 * UW_INVALID_ARGUMENT (pointers, stride, family; with UW_FAMILY_AUTO also a matrix that packing
 * does not shrink, see uw_tensor_analysis.smallest), UW_OUT_OF_MEMORY, UW_INTERNAL (self-check
 * failed). */
UW_API uw_status uw_encode(const uint16_t* weights, uint64_t rows, uint64_t cols,
                           uint64_t row_stride_elems, const uw_encode_options* options,
                           uw_buffer* packed, uw_error* error);

typedef struct uw_packed_tensor_info {
  uint64_t struct_size;
  uint64_t rows, cols;        /* out: the matrix; uw_decode needs rows * cols weights */
  uint64_t packed_bytes;      /* out */
  uint64_t original_xxh3;     /* out: XXH3-64 of the rows * cols * 2 original bytes */
  uint64_t num_verbatim_rows; /* out: radix: escapes */
  double bits_per_weight;     /* out: all metadata included; 0 for an empty matrix */
  uint32_t format_version;    /* out */
  uw_family family;           /* out */
} uw_packed_tensor_info;
UW_DEFINE_INIT(uw_packed_tensor_info)

/* Validates the header of an untrusted blob of packed_bytes bytes and reads nothing beyond them.
 * This is the size query for uw_decode. Errors: UW_INVALID_ARGUMENT (NULL), UW_INVALID_FORMAT,
 * UW_CHECKSUM_MISMATCH, UW_UNSUPPORTED. */
UW_API uw_status uw_packed_info(const void* packed, uint64_t packed_bytes,
                                uw_packed_tensor_info* info, uw_error* error);

typedef struct uw_decode_options {
  uint64_t struct_size;
  uint32_t num_threads;        /* 0: all cores */
  int32_t no_verify_checksums; /* 1: trust the sections' checksums */
} uw_decode_options;
UW_DEFINE_INIT(uw_decode_options)

/* Unpacks into the caller's memory: weights holds rows x cols (they must be the blob's) with the
 * given stride; gaps between rows are not touched. May be NULL if the matrix is empty. Safe on any
 * blob; after an error the weights are garbage. Errors: as uw_packed_info. */
UW_API uw_status uw_decode(const void* packed, uint64_t packed_bytes, uint16_t* weights,
                           uint64_t rows, uint64_t cols, uint64_t row_stride_elems,
                           const uw_decode_options* options, uw_error* error);

/* ---- Files and model directories ---------------------------------------------------------- */

typedef struct uw_progress {
  uint64_t done_bytes; /* uncompressed bytes of all files of the call */
  uint64_t total_bytes;
  const char* item; /* file or tensor at work; valid during the callback */
} uw_progress;
/* Called from one thread at a time, at most about 20 times a second. Return 0 to go on, anything
 * else to cancel: the call then cleans up and returns UW_CANCELLED. */
typedef int32_t (*uw_progress_fn)(const uw_progress* progress, void* user);
/* A line of text, valid during the callback. */
typedef void (*uw_text_fn)(const char* text, void* user);

typedef struct uw_compress_options {
  uint64_t struct_size;
  uint32_t num_threads; /* 0: all cores */
  uw_family family;     /* UW_FAMILY_RAW carries everything */
  int32_t overwrite;    /* 1: replace an existing destination, once the new one is complete */
  int32_t no_self_check;
  int32_t dry_run;   /* 1: analyse and report, write nothing */
  int32_t no_resume; /* 1: do not continue a directory that an earlier run left unfinished */
  const char* const* include; /* num_include glob patterns over tensor names; none: all */
  uint64_t num_include;
  const char* const* exclude; /* num_exclude patterns; they win over include */
  uint64_t num_exclude;
  uw_progress_fn progress; /* NULL: none */
  uw_text_fn warning;      /* NULL: dropped; called before the function returns */
  void* user;              /* passed to the callbacks */
} uw_compress_options;
UW_DEFINE_INIT(uw_compress_options)

typedef struct uw_compress_report {
  uint64_t struct_size;
  uint64_t original_bytes, stored_bytes; /* out: whole files */
  uint64_t num_files, num_files_resumed; /* out */
  uint64_t num_tensors, num_packed;      /* out */
  double seconds;                        /* out */
} uw_compress_report;
UW_DEFINE_INIT(uw_compress_report)

/* source: a .safetensors file or a model directory, never modified; destination: appears under its
 * name only when it is complete. Errors: any status but UW_MISMATCH. */
UW_API uw_status uw_compress(const char* source, const char* destination,
                             const uw_compress_options* options, uw_compress_report* report,
                             uw_error* error);

typedef struct uw_decompress_options {
  uint64_t struct_size;
  uint32_t num_threads; /* 0: all cores */
  int32_t overwrite;
  int32_t dry_run;
  int32_t reserved;        /* 0 */
  uw_progress_fn progress; /* NULL: none */
  void* user;
} uw_decompress_options;
UW_DEFINE_INIT(uw_decompress_options)

typedef struct uw_decompress_report {
  uint64_t struct_size;
  uint64_t restored_bytes, stored_bytes, num_files; /* out */
  double seconds;                                   /* out */
} uw_decompress_report;
UW_DEFINE_INIT(uw_decompress_report)

/* Restores the original file or directory, every byte of it. Errors: any but UW_MISMATCH. */
UW_API uw_status uw_decompress(const char* bundle, const char* destination,
                               const uw_decompress_options* options, uw_decompress_report* report,
                               uw_error* error);

typedef struct uw_verify_options {
  uint64_t struct_size;
  uint32_t num_threads;    /* 0: all cores */
  int32_t reserved;        /* 0 */
  uw_progress_fn progress; /* NULL: none */
  uw_text_fn problem;      /* NULL: none; every problem found, called before the function returns */
  void* user;
} uw_verify_options;
UW_DEFINE_INIT(uw_verify_options)

typedef struct uw_verify_report {
  uint64_t struct_size;
  uint64_t num_problems;                 /* out */
  uint64_t num_tensors, num_packed;      /* out */
  uint64_t original_bytes, stored_bytes; /* out */
  double seconds;                        /* out */
  int32_t compared_with_original;        /* out */
  int32_t reserved;
} uw_verify_report;
UW_DEFINE_INIT(uw_verify_report)

/* original may be NULL: checksums and decoding only. UW_OK: all is well. UW_MISMATCH: everything
 * was checked and differs somewhere; *error has the first problem, *report is filled. Errors: any.
 */
UW_API uw_status uw_verify(const char* bundle, const char* original,
                           const uw_verify_options* options, uw_verify_report* report,
                           uw_error* error);

#ifdef __cplusplus
}
#endif

#endif /* UNWEIGHT_C_API_H */
