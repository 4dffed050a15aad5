#include "engine/client_shares.h"

#include <algorithm>

#include "base/check.h"

namespace quandex {

bool ClientShares::is_forgotten(const Slot& slot) const {
  return !slot.is_known || (slot.n_requests == 0 && slot.service <= time_);
}

int ClientShares::n_known() const {
  return static_cast<int>(std::ranges::count_if(slots_, [this](const Slot& slot) { return !is_forgotten(slot); }));
}

int ClientShares::join(uint64_t client) {
  auto free = slots_.end();
  for (auto slot = slots_.begin(); slot != slots_.end(); ++slot) {
    if (is_forgotten(*slot)) {
      if (free == slots_.end()) free = slot;
    } else if (slot->client == client) {
      free = slot;
      break;
    }
  }
  if (free == slots_.end()) free = slots_.insert(free, Slot{});
  if (is_forgotten(*free)) *free = {client, 0, true, time_};
  if (free->n_requests++ == 0) {
    ++n_active_;
    free->service = std::max(free->service, time_);
  }
  return static_cast<int>(free - slots_.begin());
}

void ClientShares::leave(int slot) {
  Slot& left = slots_[static_cast<size_t>(slot)];
  CHECK(left.n_requests > 0);
  if (--left.n_requests > 0 || --n_active_ > 0) return;
  // Nobody is there whom anybody could be compared with: all begin anew.
  for (Slot& each : slots_) each.is_known = false;
  time_ = 0;
}

void ClientShares::admit(int slot) { time_ = std::max(time_, service(slot)); }

void ClientShares::charge(int slot, double cost) {
  slots_[static_cast<size_t>(slot)].service += cost;
  time_ += cost / n_active_;
}

}  // namespace quandex
