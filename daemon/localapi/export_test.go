package localapi

import (
	"net/http"
	"time"
)

// Routes is the route table for tests that walk it.
func Routes() (list [][2]string) {
	for _, r := range routes {
		list = append(list, [2]string{r.method, r.path})
	}
	return list
}

// Streams is how many event streams there are.
func Streams(s *Server) int {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	return len(s.hub.streams)
}

// SetBodyTimeout changes how long a client may take to send a body.
func SetBodyTimeout(s *Server, d time.Duration) { s.guard.bodyTimeout = d }

// Handler is what serves every request, guard and all.
func Handler(s *Server) http.Handler { return s.guard }
