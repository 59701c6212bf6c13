package loglimits

import (
	"sync"
	"time"
)

const (
	// maxStreams is below what Loki takes (max_global_streams_per_user, 1000) and what one query over all of them may
	// give (max_query_series, 500).
	maxStreams = 400
	// streamTimeout is longer than Loki counts a stream as active (chunk_idle_period).
	streamTimeout = 45 * time.Minute
	// Overflow names the service and instance of records beyond maxStreams.
	Overflow = "overflow"
)

// streams bounds how many different streams there are: who writes under ever new names shares one.
type streams struct {
	now func() time.Time

	lock sync.Mutex
	last map[[3]string]time.Time
}

func newStreams() *streams {
	return &streams{now: time.Now, last: map[[3]string]time.Time{}}
}

// admit gives the names of a record's stream: its own, or those of the overflow.
func (s *streams) admit(names [3]string) [3]string {
	s.lock.Lock()
	defer s.lock.Unlock()
	now := s.now()
	if _, known := s.last[names]; !known && len(s.last) >= maxStreams && !s.forget(now) {
		return [3]string{Overflow, Overflow, names[2]}
	}
	s.last[names] = now
	return names
}

// forget removes streams that have been silent; false if there are none.
func (s *streams) forget(now time.Time) bool {
	before := len(s.last)
	for names, last := range s.last {
		if now.Sub(last) > streamTimeout {
			delete(s.last, names)
		}
	}
	return len(s.last) < before
}
