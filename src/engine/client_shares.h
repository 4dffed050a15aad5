// How much each client has been served, so that the one with the least is served next: the virtual token counter of
// "Fairness in Serving Large Language Models" (Sheng et al., 2024), with a virtual time as in weighted fair queueing.
//
// A client's service grows with what is computed for it. Virtual time follows the service of those who are admitted,
// and grows besides by each cost over the number of clients, as if all were served at once. A client that comes anew
// starts at virtual time: being idle saves up nothing, and because time goes on whoever comes, nobody can be overtaken
// for ever by clients that are always new. Clients that are idle are forgotten once time has reached their service, for
// then it tells nothing. Pure, deterministic; only join() allocates.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace quandex {

class ClientShares {
 public:
  // One request more of a client. Returns the client's slot, which is good until as many requests have left.
  int join(uint64_t client);
  void leave(int slot);

  // A request of the client was chosen to run now.
  void admit(int slot);
  void charge(int slot, double cost);

  double service(int slot) const { return slots_[static_cast<size_t>(slot)].service; }
  int n_active() const { return n_active_; }  // clients with requests
  int n_known() const;                        // and those whose service still matters

 private:
  struct Slot {
    uint64_t client = 0;
    int n_requests = 0;
    bool is_known = false;
    double service = 0;
  };

  bool is_forgotten(const Slot& slot) const;

  std::vector<Slot> slots_;
  double time_ = 0;
  int n_active_ = 0;
};

}  // namespace quandex
