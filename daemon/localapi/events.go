package localapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"gongji/settle"
)

// StateEvent is the first event of every stream: everything as it is now, so that nobody needs to poll.
type StateEvent struct {
	Readers []ReaderAnswer `json:"readers"`
	Offline bool           `json:"offline"`
}

// ReaderEvent is card_inserted, card_removed, reader_fault or reader_ready: the reader as it is after it.
type ReaderEvent struct {
	At     time.Time    `json:"at"`
	Reader ReaderAnswer `json:"reader"`
}

// SettlementEvent is settlement: something was settled, returned, or answered by the centre.
type SettlementEvent struct {
	SettlementID string `json:"settlement_id"`
	SaleID       string `json:"sale_id"`
	POS          string `json:"pos"`
	Terminal     string `json:"terminal"`
	State        string `json:"state"`
	Report       string `json:"report"`
	Total        Yuan   `json:"total"`
}

// UpstreamEvent is upstream: the centre became reachable or silent, or reports moved.
type UpstreamEvent struct {
	Offline bool `json:"offline"`
	Unsent  int  `json:"unsent"`
	Unknown int  `json:"unknown"`
}

// streamBuffer is how many events a stream may fall behind before it is ended; its client connects again and gets the
// state anew.
const streamBuffer = 64

// streamWrite is how long one write to a stream may take.
const streamWrite = 5 * time.Second

type message struct {
	name string
	data []byte
}

// hub hands every event to every stream. A stream that falls behind is ended rather than waited for.
type hub struct {
	mu      sync.Mutex
	streams map[chan message]struct{}
}

func newHub() *hub { return &hub{streams: map[chan message]struct{}{}} }

// join adds a stream; ok is false where there are too many.
func (h *hub) join() (stream chan message, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.streams) >= maxStreams {
		return nil, false
	}
	stream = make(chan message, streamBuffer)
	h.streams[stream] = struct{}{}
	return stream, true
}

func (h *hub) leave(stream chan message) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, joined := h.streams[stream]; joined {
		delete(h.streams, stream)
		close(stream)
	}
}

func (h *hub) heard() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.streams) > 0
}

func (h *hub) publish(name string, event any) {
	if !h.heard() {
		return // whoever joins from now on is told the state as it is
	}
	data, err := json.Marshal(event)
	if err != nil { // events are plain texts and numbers
		panic("localapi: event does not encode: " + err.Error())
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for stream := range h.streams {
		select {
		case stream <- message{name, data}:
		default:
			delete(h.streams, stream)
			close(stream)
		}
	}
}

// Heard reports whether anybody listens to a stream.
func (s *Server) Heard() bool { return s.hub.heard() }

// PublishSettlement tells every stream how a settlement stands now. The outbox calls it when the centre has answered.
func (s *Server) PublishSettlement(x *settle.Settlement) {
	s.hub.publish("settlement", SettlementEvent{
		SettlementID: x.ID, SaleID: x.Sale.ID, POS: x.Sale.POS, Terminal: x.Sale.Terminal, State: x.State(),
		Report: string(reportOf(x.Report)), Total: yuan(x.Figures.Total),
	})
}

// PublishUpstream tells every stream how the centre stands now.
func (s *Server) PublishUpstream(event UpstreamEvent) { s.hub.publish("upstream", event) }

// forwardReaders publishes what happens at the readers until ctx ends.
func (s *Server) forwardReaders(ctx context.Context) {
	for event := range s.o.Session.Subscribe(ctx) {
		s.hub.publish(string(event.Kind), ReaderEvent{At: event.At.In(settle.Beijing), Reader: readerAnswer(&event.Reader)})
	}
}

func (s *Server) addEvents(op huma.Operation) {
	op.Description = "Events state (first, always), card_inserted, card_removed, reader_fault, reader_ready, settlement, upstream. " +
		"A comment line is a heartbeat. A stream that reads too slowly is ended; connect again."
	op.Responses["200"] = &huma.Response{Description: "Event stream", Content: map[string]*huma.MediaType{
		"text/event-stream": {Schema: &huma.Schema{OneOf: []*huma.Schema{
			schemaFor[StateEvent](s), schemaFor[ReaderEvent](s), schemaFor[SettlementEvent](s), schemaFor[UpstreamEvent](s),
		}}},
	}}
	register(s, op, func(context.Context, *struct{}) (*huma.StreamResponse, error) {
		stream, ok := s.hub.join()
		if !ok {
			return nil, settle.NewError(settle.RateLimited, nil)
		}
		return &huma.StreamResponse{Body: func(ctx huma.Context) {
			defer s.hub.leave(stream)
			_, w := humago.Unwrap(ctx)
			s.stream(ctx.Context(), w, stream)
		}}, nil
	})
}

// stream writes events until the client leaves, falls behind, or the server stops.
func (s *Server) stream(ctx context.Context, w http.ResponseWriter, events <-chan message) {
	w.Header().Set("Content-Type", "text/event-stream")
	control := http.NewResponseController(w)
	write := func(format string, args ...any) bool {
		_ = control.SetWriteDeadline(time.Now().Add(streamWrite))
		_, err := fmt.Fprintf(w, format, args...)
		return err == nil && control.Flush() == nil
	}
	first, err := json.Marshal(StateEvent{Readers: s.readers().Readers, Offline: s.o.Session.Offline()})
	if err != nil || !write("event: state\ndata: %s\n\n", first) {
		return
	}
	heartbeat := time.NewTicker(s.o.Heartbeat)
	defer heartbeat.Stop()
	for alive := true; alive; {
		select {
		case event, open := <-events:
			alive = open && write("event: %s\ndata: %s\n\n", event.name, event.data)
		case <-heartbeat.C:
			alive = write(": still here\n\n")
		case <-s.closing:
			return
		case <-ctx.Done():
			return
		}
	}
}
