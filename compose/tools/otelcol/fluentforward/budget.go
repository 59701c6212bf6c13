package fluentforward

import (
	"errors"
	"net"
	"sync"
	"time"
)

var errBusy = errors.New("busy")

// budget bounds what all connections together hold: their number, and the memory of messages that are not yet taken.
type budget struct {
	maxConnections int
	maxBytes       int

	lock    sync.Mutex
	freed   *sync.Cond
	held    map[*holder]struct{}
	used    int
	stopped bool
}

// holder is one connection's share.
type holder struct {
	budget *budget
	conn   net.Conn
	bytes  int
	// reading: in the middle of a message since `since`; otherwise silent, or waiting for the next consumer, since then.
	reading bool
	since   time.Time
	evicted bool
}

func newBudget(maxConnections, maxBytes int) *budget {
	made := &budget{maxConnections: maxConnections, maxBytes: maxBytes, held: map[*holder]struct{}{}}
	made.freed = sync.NewCond(&made.lock)
	return made
}

// open admits a connection. Where there are too many, the one that has been silent for longest is closed.
func (b *budget) open(conn net.Conn) *holder {
	b.lock.Lock()
	defer b.lock.Unlock()
	full := len(b.held) >= b.maxConnections
	if b.stopped || full && !b.evict(func(h *holder) bool { return h.bytes == 0 || h.reading }) {
		conn.Close()
	}
	added := &holder{budget: b, conn: conn, since: time.Now()}
	b.held[added] = struct{}{}
	return added
}

// evict closes the connection whose state has lasted longest, of those that may be closed; false without one.
func (b *budget) evict(may func(*holder) bool) bool {
	var oldest *holder
	for each := range b.held {
		if !each.evicted && may(each) && (oldest == nil || each.since.Before(oldest.since)) {
			oldest = each
		}
	}
	if oldest == nil {
		return false
	}
	oldest.evicted = true
	oldest.conn.Close()
	b.freed.Broadcast() // it may be waiting for memory itself
	return true
}

// stop closes every connection that is not waiting for the next consumer, and has the others close after it.
func (b *budget) stop() {
	b.lock.Lock()
	defer b.lock.Unlock()
	b.stopped = true
	for each := range b.held {
		if each.bytes == 0 || each.reading {
			each.conn.Close()
		}
	}
	b.freed.Broadcast()
}

// begin notes that a message has begun.
func (h *holder) begin() {
	h.set(true)
}

// whole notes that a message is whole.
func (h *holder) whole() {
	h.set(false)
}

func (h *holder) set(reading bool) {
	h.budget.lock.Lock()
	defer h.budget.lock.Unlock()
	h.reading, h.since = reading, time.Now()
}

// reserve takes memory for the connection's message; errTooLarge if it would not find room with all memory to itself.
// Where there is none left, the message that is unfinished for longest is given up with its connection: a well-behaved
// client's is there within milliseconds. Where all memory is held by messages that wait for the next consumer, this
// waits for them.
func (h *holder) reserve(bytes int) error {
	b := h.budget
	b.lock.Lock()
	defer b.lock.Unlock()
	for b.used+bytes > b.maxBytes {
		if h.evicted || b.stopped {
			return errBusy
		}
		if b.used == h.bytes {
			return errTooLarge
		}
		b.evict(func(each *holder) bool { return each.reading && each.bytes > 0 && each != h })
		b.freed.Wait()
	}
	b.used += bytes
	h.bytes += bytes
	return nil
}

// wasEvicted tells whether the connection was closed to make room for others.
func (h *holder) wasEvicted() bool {
	h.budget.lock.Lock()
	defer h.budget.lock.Unlock()
	return h.evicted
}

// release gives the memory of the connection's message back.
func (h *holder) release() {
	h.budget.lock.Lock()
	defer h.budget.lock.Unlock()
	h.free()
	h.since = time.Now()
}

// close gives everything of the connection back.
func (h *holder) close() {
	h.budget.lock.Lock()
	defer h.budget.lock.Unlock()
	h.free()
	delete(h.budget.held, h)
	h.conn.Close()
}

func (h *holder) free() {
	h.budget.used -= h.bytes
	h.bytes = 0
	h.budget.freed.Broadcast()
}
