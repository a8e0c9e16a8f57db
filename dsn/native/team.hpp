// The threads that compute a network's steps together.
//
// A step is a sequence of phases, each a number of items that need nothing of each other: rows, or parts of rows.
// Members take items as they come, some at a time, so that unequal ones balance, and so that a thread which the system
// does not run at the moment is not waited for unless it has taken some. Who computes an item changes nothing in it, and
// no sum is shared: results are the same to the bit for any number of members.
#pragma once

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "buffer.hpp"
#include "denormals.hpp"

namespace dsn {

// Items [begin, end), taken by a member; numbers from 0 on.
struct Part {
    int member;
    int begin, end;
};

namespace detail {

inline void pause() {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("isb");
#endif
}

// How often a process has been forked off since this library was loaded, counted along the line that leads to this one.
inline std::atomic<int>& forks() {
    static std::atomic<int> count{0};
    static const int registered = pthread_atfork(nullptr, nullptr, [] { forks()++; });
    static_cast<void>(registered);
    return count;
}

// All members but the caller, and the phase that is under way. Between phases they look out for the next one for some
// microseconds, then sleep.
class Crew {
public:
    using Work = void (*)(const void* context, Part part);

    explicit Crew(int members) : members_(members) {
        // Where there are fewer cores than members, looking out would keep others from working.
        spins_ = members <= static_cast<int>(std::thread::hardware_concurrency()) ? 2000 : 0;
        try {
            for (int member = 1; member < members; member++)
                threads_.emplace_back([this, member] { serve(member); });
        } catch (...) {
            dismiss();
            throw;
        }
    }

    // Works with the others until all items are done.
    void work_through(int count, Work work, const void* context) {
        work_.store(work, std::memory_order_relaxed);
        context_.store(context, std::memory_order_relaxed);
        undone_.store(count, std::memory_order_relaxed);
        untaken_ = (untaken_ & ~ITEMS) + PHASE + static_cast<std::uint64_t>(count);
        if (asleep_ > 0) {
            { const std::lock_guard<std::mutex> lock(mutex_); }
            begun_.notify_all();
        }
        take_items(0);
        for (int spin = 0; spin < spins_ && undone_ > 0; spin++) pause();
        if (undone_ == 0) return;
        std::unique_lock<std::mutex> lock(mutex_);
        caller_sleeps_ = true;
        done_.wait(lock, [this] { return undone_ == 0; });
        caller_sleeps_ = false;
    }

    // Sends the threads home; there is no phase under way.
    void dismiss() {
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            over_ = true;
        }
        begun_.notify_all();
        for (std::thread& thread : threads_) thread.join();
    }

private:
    static constexpr std::uint64_t ITEMS = 0xffffffff, PHASE = ITEMS + 1;  // in untaken_

    const int members_;
    int spins_;
    std::vector<std::thread> threads_;
    std::mutex mutex_;
    std::condition_variable begun_, done_;
    std::atomic<int> asleep_{0};
    std::atomic<bool> caller_sleeps_{false}, over_{false};
    // Of the phase: written while there is nothing to take, valid for whoever takes an item.
    std::atomic<Work> work_{nullptr};
    std::atomic<const void*> context_{nullptr};
    alignas(64) std::atomic<std::uint64_t> untaken_{0};  // items, below the number of their phase
    alignas(64) std::atomic<int> undone_{0};             // items

    void serve(int member) {
        const FlushedDenormals flushed;
        for (std::uint64_t phase = 0; await(phase);) phase = take_items(member);
    }

    // Waits for another phase than `phase`; whether there will be one.
    bool await(std::uint64_t phase) {
        const auto begun = [&] { return (untaken_ & ~ITEMS) != phase; };
        for (int spin = 0; spin < spins_; spin++) {
            if (begun()) return true;
            pause();
        }
        std::unique_lock<std::mutex> lock(mutex_);
        asleep_++;  // before the last look: who begins a phase looks at it afterwards
        begun_.wait(lock, [&] { return over_ || begun(); });
        asleep_--;
        return !over_;
    }

    // Takes items until none is left; the phase that they were of. From the last one on, and fewer and fewer at a time,
    // so that all members end at nearly the same time.
    std::uint64_t take_items(int member) {
        std::uint64_t untaken = untaken_;
        for (;;) {
            const int end = static_cast<int>(untaken & ITEMS);
            if (end == 0) return untaken;
            const int some = std::max(1, end / (2 * members_));
            const Work work = work_.load(std::memory_order_relaxed);
            const void* context = context_.load(std::memory_order_relaxed);
            // Fails where the phase is another by now, and the work perhaps its.
            if (!untaken_.compare_exchange_weak(untaken, untaken - static_cast<std::uint64_t>(some))) continue;
            work(context, {member, end - some, end});
            if ((undone_ -= some) == 0 && caller_sleeps_) {
                { const std::lock_guard<std::mutex> lock(mutex_); }
                done_.notify_one();
            }
            untaken = untaken_;
        }
    }
};

}  // namespace detail

// The caller and members - 1 threads of its own, which end with it. Phases are begun by one thread at a time.
//
// A process that is forked off has no threads but the one that forked: there, the caller works alone.
class Team {
public:
    // Throws std::bad_alloc, and std::system_error where no thread can be started.
    explicit Team(int members) : members_(members), forks_(detail::forks()) {
        if (members > 1) crew_ = std::make_unique<detail::Crew>(members);
    }
    Team(const Team&) = delete;
    Team& operator=(const Team&) = delete;
    ~Team() {
        if (!crew_) return;
        if (threads_are_here())
            crew_->dismiss();
        else
            static_cast<void>(crew_.release());  // whoever waited for its locks is waited for when they are destroyed
    }

    int members() const { return members_; }

    // Calls work(part) for parts of the items [0, count), at the same time from several threads; returns when all are
    // done. Work throws nothing: memory that it needs is held before, for each member its own.
    template <class Work>
    void run(int count, const Work& work) {
        if (crew_ && count > 1 && threads_are_here()) {
            crew_->work_through(count, perform<Work>, &work);
        } else if (count > 0) {
            work(Part{0, 0, count});
        }
    }

    // The same for loops over elements: work(begin, count). They are parted where a loop over all would begin a vector.
    template <class Work>
    void run_elements(std::size_t count, const Work& work) {
        constexpr std::size_t SOME = 512;
        run(static_cast<int>((count + SOME - 1) / SOME), [&](Part part) {
            const std::size_t begin = part.begin * SOME;
            work(begin, std::min(part.end * SOME, count) - begin);
        });
    }

private:
    const int members_;
    const int forks_;  // when the threads were started
    std::unique_ptr<detail::Crew> crew_;

    bool threads_are_here() const { return forks_ == detail::forks(); }

    template <class Work>
    static void perform(const void* work, Part part) noexcept {
        (*static_cast<const Work*>(work))(part);
    }
};

// An array for each member of a team, to work in.
template <class T>
class Scratch {
public:
    void hold(const Team& team, std::size_t size) {
        buffers_.resize(team.members());
        for (Buffer<T>& buffer : buffers_) buffer.hold(size);
    }

    T* of(const Part& part) { return buffers_[part.member].data(); }

private:
    std::vector<Buffer<T>> buffers_;
};

}  // namespace dsn
