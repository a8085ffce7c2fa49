package localapi

import (
	"context"

	"github.com/danielgtaylor/huma/v2"
)

func (s *Server) addOpenAPI(op huma.Operation) {
	op.Responses["200"] = &huma.Response{Description: "OpenAPI 3.1", Content: map[string]*huma.MediaType{"application/json": {}}}
	register(s, op, func(context.Context, *struct{}) (*huma.StreamResponse, error) {
		return &huma.StreamResponse{Body: func(ctx huma.Context) {
			ctx.SetHeader("Content-Type", "application/json")
			_, _ = ctx.BodyWriter().Write(s.openAPI) // a client that left needs no document
		}}, nil
	})
}
