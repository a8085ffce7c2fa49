package localapi

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

type liveAnswer struct {
	Body struct {
		Alive bool `json:"alive"`
	}
}

func (s *Server) addLivez(op huma.Operation) {
	register(s, op, func(context.Context, *struct{}) (*liveAnswer, error) {
		answer := &liveAnswer{}
		answer.Body.Alive = true
		return answer, nil
	})
}

type readyInput struct {
	Verbose string `query:"verbose" doc:"Present, with or without a value: list the warnings" maxLength:"5"`
	verbose bool
}

// Resolve notices ?verbose without a value.
func (in *readyInput) Resolve(ctx huma.Context) []error {
	u := ctx.URL()
	in.verbose = u.Query().Has("verbose")
	return nil
}

type readyAnswer struct {
	Status int
	Body   struct {
		Ready    bool      `json:"ready"`
		Warnings []Warning `json:"warnings,omitempty"`
		Loading  *Loading  `json:"loading,omitempty" doc:"With verbose, while a large snapshot is being loaded"`
	}
}

func (s *Server) addReadyz(op huma.Operation) {
	op.Responses["503"] = &huma.Response{Description: "Nothing can be settled now"}
	register(s, op, func(ctx context.Context, in *readyInput) (*readyAnswer, error) {
		ready, warnings := s.o.Health.Ready(ctx)
		answer := &readyAnswer{Status: http.StatusOK}
		if !ready {
			answer.Status = http.StatusServiceUnavailable
		}
		answer.Body.Ready = ready
		if in.verbose {
			answer.Body.Warnings = warnings
			if s.o.Loading != nil {
				if progress, under := s.o.Loading(); under {
					answer.Body.Loading = loading(progress)
				}
			}
		}
		return answer, nil
	})
}
