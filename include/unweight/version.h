/* SPDX-License-Identifier: BSD-3-Clause */
/* The version of unweight, for C and C++. The build checks that it is the project's. */
#ifndef UNWEIGHT_VERSION_H
#define UNWEIGHT_VERSION_H

#define UNWEIGHT_VERSION_MAJOR 0
#define UNWEIGHT_VERSION_MINOR 1
#define UNWEIGHT_VERSION_PATCH 0
#define UNWEIGHT_VERSION_STRING "0.1.0"

#endif /* UNWEIGHT_VERSION_H */
