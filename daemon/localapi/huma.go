package localapi

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"gongji/settle"
)

// huma offers these settings as package variables only. They are the same for every server of the process, so they are set
// once, before any server exists: member names are compared exactly (SALE_ID is not sale_id), a list is a list and never
// null, and huma's own errors take the one form of this interface.
func init() {
	huma.ValidateStrictCasing = true
	huma.DefaultArrayNullable = false
	huma.NewError = func(status int, _ string, errs ...error) huma.StatusError {
		return humaProblem(context.Background(), status, errs)
	}
	huma.NewErrorWithContext = func(ctx huma.Context, status int, _ string, errs ...error) huma.StatusError {
		if ctx == nil {
			return humaProblem(context.Background(), status, errs)
		}
		return humaProblem(ctx.Context(), status, errs)
	}
}

// humaProblem is the problem of a request that huma refused: bad fields found by the schema and by the request's own check.
func humaProblem(ctx context.Context, status int, errs []error) *Problem {
	code := settle.BadRequest
	switch status {
	case http.StatusRequestEntityTooLarge:
		code = settle.TooLarge
	case http.StatusUnsupportedMediaType:
		code = settle.UnsupportedMedia
	case http.StatusInternalServerError:
		code = settle.StoreBroken
	}
	e := settle.NewError(code, nil)
	if code == settle.BadRequest {
		e.Fields = fieldFaults(errs)
	}
	p := newProblem(ctx, e)
	if code == settle.BadRequest && status == http.StatusBadRequest {
		p.Status, p.Title = status, http.StatusText(status)
	}
	return p
}

// apiConfig is the document's head. huma's own pages and schema links are left out: they would be paths beside the table.
func apiConfig(version string) huma.Config {
	config := huma.DefaultConfig("gongjid", version)
	config.OpenAPIPath, config.DocsPath, config.SchemasPath, config.CreateHooks = "", "", "", nil
	config.RejectUnknownQueryParameters = true
	config.Info.Description = "共济: settles the personal share of a bill from the patient's own and the bound relatives' accounts. " +
		"Money is a string of yuan with two decimals."
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"bearer": {Type: "http", Scheme: "bearer", Description: "Token of the till, from gongjid pos add"},
	}
	return config
}

// register adds one operation whose errors become problems.
func register[I, O any](s *Server, op huma.Operation, handle func(context.Context, *I) (*O, error)) {
	huma.Register(s.api, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handle(ctx, in)
		if err != nil {
			return nil, s.fail(ctx, err)
		}
		return out, nil
	})
}

// operation completes a route's operation: the problem as default answer, no deadline on a body that was read already.
func (s *Server) operation(r route) huma.Operation {
	op := huma.Operation{
		Method: r.method, Path: r.path, OperationID: r.id, Summary: r.summary, BodyReadTimeout: -1, MaxBodyBytes: maxBodyBytes,
		Responses: map[string]*huma.Response{"default": {
			Description: "Problem",
			Content:     map[string]*huma.MediaType{problemType: {Schema: schemaFor[Problem](s)}},
		}},
	}
	if !r.open {
		op.Security = []map[string][]string{{"bearer": {}}}
	}
	return op
}

// creates documents an operation that answers 201 the first time and 200 to a repeat.
func creates[O any](s *Server, op huma.Operation) huma.Operation {
	op.DefaultStatus = http.StatusCreated
	op.Responses["200"] = &huma.Response{
		Description: "The same request was answered before; this is that answer (header Idempotent-Replay: true)",
		Content:     map[string]*huma.MediaType{"application/json": {Schema: schemaFor[O](s)}},
	}
	return op
}
