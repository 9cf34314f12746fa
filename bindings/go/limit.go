package ocireg

import (
	"slices"
	"sync"
)

// DefaultMaxConcurrentCalls is how many calls may run at once by default; see [SetMaxConcurrentCalls].
const DefaultMaxConcurrentCalls = 64

// running limits the calls that wait for the network: each of them holds an OS thread, as every cgo call does.
var running = limiter{most: DefaultMaxConcurrentCalls}

// SetMaxConcurrentCalls sets how many calls of this package may run at once in the process, and returns the previous
// number. 0 means no limit. Each running call holds an OS thread; calls beyond the limit wait for their turn without a
// thread, and stop when their context is done. Calls that are already running are not affected.
func SetMaxConcurrentCalls(most int) (previous int) { return running.set(max(most, 0)) }

// limiter grants turns in the order in which they were asked for.
type limiter struct {
	mu      sync.Mutex
	most    int // 0: no bound.
	taken   int
	waiting []chan struct{} // Closed when it is their turn.
}

func (l *limiter) set(most int) (previous int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	previous, l.most = l.most, most
	l.admit()
	return previous
}

// take waits for a turn. It returns false if one of the channels, which may be nil, is closed first.
func (l *limiter) take(done, ended <-chan struct{}) bool {
	l.mu.Lock()
	if len(l.waiting) == 0 && l.hasRoom() {
		l.taken++
		l.mu.Unlock()
		return true
	}
	turn := make(chan struct{})
	l.waiting = append(l.waiting, turn)
	l.mu.Unlock()
	select {
	case <-turn:
		return true
	case <-done:
	case <-ended:
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.Index(l.waiting, turn); i >= 0 {
		l.waiting = slices.Delete(l.waiting, i, i+1)
	} else {
		l.taken-- // Its turn came meanwhile, and is somebody else's now.
		l.admit()
	}
	return false
}

// give ends a turn.
func (l *limiter) give() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.taken--
	l.admit()
}

// lend gives up a turn while a callback runs, which may make calls itself: if those had to wait while the callback
// holds a turn, all could wait for each other. The function that it returns takes the turn back without waiting.
func (l *limiter) lend() (takeBack func()) {
	l.give()
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.taken++
	}
}

func (l *limiter) hasRoom() bool { return l.most == 0 || l.taken < l.most }

func (l *limiter) admit() {
	for len(l.waiting) > 0 && l.hasRoom() {
		l.taken++
		close(l.waiting[0])
		l.waiting = l.waiting[1:]
	}
}
