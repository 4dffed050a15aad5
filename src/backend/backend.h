// A backend owns memory, keeps weights in the layout it likes and runs recorded operations. One thread uses it at a
// time.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "backend/command_batch.h"
#include "backend/tensor.h"
#include "format/weight_source.h"

namespace quandex {

struct DeviceInfo {
  std::string name;
  size_t memory_bytes = 0;
  bool unified_memory = true;
};

class Backend {
 public:
  virtual ~Backend() = default;

  virtual const DeviceInfo& info() const = 0;

  // Zeroed memory that lives as long as the backend. Throws Error{out_of_memory}.
  virtual Tensor allocate(DType type, int rows, int cols) = 0;

  // A weight matrix from rows of one or more host tensors, all of type `type` and of equal width, stacked in order. The
  // backend may alias mapped memory or repack; the source must outlive the backend only where `aliases_host` says so.
  // The tensor can serve embed and linear alike. `name` is for messages.
  virtual Tensor upload(std::string_view name, DType type, std::span<const RowSegment> rows) = 0;

  // Bytes of this backend's memory that upload() of these rows will take: none where it will alias them.
  virtual size_t upload_bytes(DType type, std::span<const RowSegment> rows) const = 0;

  // Host access: step inputs before submit, results after wait. Not for uploaded weights.
  virtual std::span<std::byte> host_view(Tensor tensor) = 0;

  // True where this uploaded tensor still reads the host tensor's bytes.
  virtual bool aliases_host(Tensor tensor) const = 0;

  virtual CommandBatch& begin() = 0;     // reused: recording a step allocates nothing once warmed up
  virtual void wait(Ticket ticket) = 0;  // throws Error{device}

  // Bytes of device memory taken so far by allocate and upload (aliased bytes not counted).
  virtual size_t allocated_bytes() const = 0;
};

}  // namespace quandex
