package baseline

import (
	"encoding/json"
	"net/http"
)

const maxBody = 64 << 10

// Handler serves POST /settle from the store, and POST /echo, which answers with what it was sent.
func Handler(s *Store) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /echo", echo)
	if s == nil {
		return mux
	}
	mux.HandleFunc("POST /settle", func(w http.ResponseWriter, r *http.Request) {
		var sale Sale
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&sale); err != nil || sale.ID == "" {
			http.Error(w, "not a sale", http.StatusBadRequest)
			return
		}
		answer, err := s.Settle(r.Context(), &sale)
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		write(w, http.StatusCreated, answer)
	})
	return mux
}

func echo(w http.ResponseWriter, r *http.Request) {
	var sale Sale
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&sale); err != nil {
		http.Error(w, "not JSON", http.StatusBadRequest)
		return
	}
	write(w, http.StatusOK, sale)
}

func write(w http.ResponseWriter, status int, answer any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer) // a caller that is gone wants no answer
}
