package ocireg

import (
	"slices"
	"sync"
)

// DefaultMaxConcurrentCalls is how many calls run at once unless [SetMaxConcurrentCalls] says otherwise.
const DefaultMaxConcurrentCalls = 64

// running bounds the calls that wait for the network: each holds a thread of the system, as every cgo call does.
var running = limiter{most: DefaultMaxConcurrentCalls}

// SetMaxConcurrentCalls sets how many calls of this package may run at once in the process, and returns the number before.
// Each running call holds a thread of the system; further calls wait for their turn without one, and end with their
// context. 0 means no bound. Calls that are running already are not affected.
func SetMaxConcurrentCalls(most int) (previous int) { return running.set(max(most, 0)) }

// limiter hands out turns, first come, first served.
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

// take waits for a turn; false says that one of the channels was closed first. They may be nil.
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

// lend ends a turn for as long as a callback runs, which may make calls itself: if it had to wait for a turn while it
// keeps one, all could wait for each other. The function that it returns takes the turn back without waiting.
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
