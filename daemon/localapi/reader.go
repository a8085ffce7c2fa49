package localapi

import (
	"context"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"gongji/daemon/session"
	"gongji/settle"
)

// CardAnswer is the card in a reader, masked.
type CardAnswer struct {
	Kind   string `json:"kind" enum:"social,health,bank,unknown,id,evoucher" doc:"id: resident identity card; evoucher: a 医保码 that was scanned and not used yet"`
	Holder string `json:"holder"`
	Number string `json:"number"`
}

// FaultAnswer says why a reader or card cannot be used.
type FaultAnswer struct {
	Code    string `json:"code"`
	Message string `json:"message" doc:"Chinese"`
}

// ReaderAnswer is a reader and the card in it.
type ReaderAnswer struct {
	Name     string       `json:"name"`
	Terminal string       `json:"terminal"`
	Kind     string       `json:"kind"`
	Role     string       `json:"role" enum:"card,id,scanner"`
	State    string       `json:"state" enum:"absent,reading,present,fault,down"`
	Seq      uint64       `json:"seq" doc:"Rises with every insertion, removal and fault"`
	Since    time.Time    `json:"since"`
	Card     *CardAnswer  `json:"card,omitempty"`
	Fault    *FaultAnswer `json:"fault,omitempty"`
}

// ReadersAnswer is every reader.
type ReadersAnswer struct {
	Readers []ReaderAnswer `json:"readers"`
}

type readersOutput struct{ Body ReadersAnswer }

func (s *Server) addReader(op huma.Operation) {
	register(s, op, func(context.Context, *struct{}) (*readersOutput, error) {
		return &readersOutput{Body: s.readers()}, nil
	})
}

func (s *Server) readers() ReadersAnswer {
	views := s.o.Session.ReaderViews()
	answer := ReadersAnswer{Readers: make([]ReaderAnswer, len(views))}
	for i := range views {
		answer.Readers[i] = readerAnswer(&views[i])
	}
	return answer
}

func readerAnswer(v *session.ReaderView) ReaderAnswer {
	answer := ReaderAnswer{
		Name: v.Name, Terminal: v.Terminal, Kind: v.Kind, Role: string(v.Role), State: string(v.State), Seq: v.Seq, Since: v.Since.In(settle.Beijing),
	}
	if v.Card != nil {
		answer.Card = &CardAnswer{Kind: string(v.Card.Kind), Holder: v.Card.Holder, Number: v.Card.Number}
	}
	if v.Fault != nil {
		answer.Fault = &FaultAnswer{Code: string(v.Fault.Code), Message: v.Fault.Message}
	}
	return answer
}
