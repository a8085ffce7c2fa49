package relay

import (
	"sync"

	"github.com/nats-io/nats.go"
)

// Limits of what is remembered: as long as a venue may wait for an answer at the rate that one process answers.
const (
	maxRecent      = 20_000
	maxRecentBytes = 64 << 20
)

// recent is which messages are under way in this process, and what it answered lately. It is safe for concurrent use.
type recent struct {
	mu      sync.Mutex
	under   map[string]bool
	answers map[string][]*nats.Msg
	order   []string // of answers, oldest first
	bytes   int
}

func newRecent() *recent {
	return &recent{under: map[string]bool{}, answers: map[string][]*nats.Msg{}}
}

// begin says what was answered to this message already, or notes that it is under way. Neither means that another worker
// of this process is at it.
func (r *recent) begin(venue, id string) (answers []*nats.Msg, begun bool) {
	key := venue + "/" + id
	r.mu.Lock()
	defer r.mu.Unlock()
	if answers := r.answers[key]; answers != nil {
		return answers, false
	}
	if r.under[key] {
		return nil, false
	}
	r.under[key] = true
	return nil, true
}

// end keeps an answer. An answer that was cut off is kept as none: who asks gets none again.
func (r *recent) end(venue, id string, answers []*nats.Msg) {
	key := venue + "/" + id
	if answers == nil {
		answers = []*nats.Msg{}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.under, key)
	r.answers[key] = answers
	r.order = append(r.order, key)
	r.bytes += weight(answers)
	for len(r.order) > maxRecent || r.bytes > maxRecentBytes && len(r.order) > 1 {
		oldest := r.order[0]
		r.order = r.order[1:]
		r.bytes -= weight(r.answers[oldest])
		delete(r.answers, oldest)
	}
}

func (r *recent) find(venue, id string) []*nats.Msg {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.answers[venue+"/"+id]
}

func weight(answers []*nats.Msg) (total int) {
	for _, m := range answers {
		total += len(m.Data)
	}
	return total
}
