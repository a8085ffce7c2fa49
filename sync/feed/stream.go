package feed

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"gongji/settle"
)

// streamPart is how many facts are handed on at a time.
const streamPart = 1000

// ReadSnapshot reads a snapshot of any size and hands it on in parts of at most a thousand facts; the memory it needs does
// not grow with the file. The parts hold facts only. What stands beside them (id, time, full, cursor, and what is ended by
// name) is returned at the end, since a file may say it last. The error is BAD_REQUEST with what is wrong, by place in the
// whole, and then nothing of the parts may be used; or what visit returned.
func ReadSnapshot(in io.Reader, visit func(part settle.Snapshot) error) (head settle.Snapshot, err error) {
	s := &stream{json: json.NewDecoder(bufio.NewReaderSize(in, 1<<16)), visit: visit, seen: map[string]bool{}}
	if err := s.object(); err != nil {
		return head, err
	}
	for _, name := range []string{"snapshot_id", "centre_time", "full", "cursor", "people", "accounts", "bindings"} {
		if !s.seen[name] {
			s.bad(name, "is mandatory")
		}
	}
	if len(s.faults) > 0 {
		return head, &settle.Error{Code: settle.BadRequest, Fields: s.faults}
	}
	return s.head, s.flush(true)
}

// stream is a snapshot on its way in.
type stream struct {
	decoder
	json  *json.Decoder
	visit func(settle.Snapshot) error
	seen  map[string]bool // mandatory members that are there
	head  settle.Snapshot
	part  settle.Snapshot
	held  int
}

func broken(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("snapshot: the JSON ends in the middle")
	} else {
		err = fmt.Errorf("snapshot: %w", shapeOnly(err))
	}
	return settle.NewError(settle.BadRequest, err)
}

func (s *stream) object() error {
	if err := s.delim('{'); err != nil {
		return err
	}
	for s.json.More() {
		token, err := s.json.Token()
		if err != nil {
			return broken(err)
		}
		if err := s.member(token.(string)); err != nil { // the decoder gives nothing else as a member's name
			return err
		}
	}
	if _, err := s.json.Token(); err != nil {
		return broken(err)
	}
	if _, err := s.json.Token(); !errors.Is(err, io.EOF) {
		return settle.NewError(settle.BadRequest, errors.New("snapshot: something follows the JSON object"))
	}
	return nil
}

func (s *stream) delim(want json.Delim) error {
	token, err := s.json.Token()
	if err != nil {
		return broken(err)
	}
	if token != want {
		return settle.NewError(settle.BadRequest, fmt.Errorf("snapshot: %s was expected", want))
	}
	return nil
}

func (s *stream) member(name string) error {
	switch name {
	case "snapshot_id":
		return value(s, name, func(id string) { s.head.ID = id; s.seen[name] = id != "" })
	case "centre_time":
		return value(s, name, func(at centreTime) { s.head.CentreTime = time.Time(at) })
	case "full":
		return value(s, name, func(full bool) { s.head.Full = full })
	case "cursor":
		return value(s, name, func(cursor string) { s.head.Cursor = cursor })
	case "people":
		return list(s, name, func(place string, w *wirePerson) { s.part.People = append(s.part.People, s.person(place, w)) })
	case "accounts":
		return list(s, name, func(place string, w *wireAccount) { s.part.Accounts = append(s.part.Accounts, s.account(place, w)) })
	case "bindings":
		return list(s, name, func(place string, w *wireBinding) { s.part.Bindings = append(s.part.Bindings, s.binding(place, w)) })
	case "usage":
		return list(s, name, func(place string, w *wireUsage) { s.part.Usage = append(s.part.Usage, s.usage(place, w)) })
	case "ended":
		return value(s, name, func(e wireEnded) { s.head.EndedBinds, s.head.EndedPsnNo = e.Bindings, e.People })
	}
	return s.skip()
}

// value reads a member that is not a list of facts; null counts as absent.
func value[T any](s *stream, name string, take func(T)) error {
	var v *T
	if err := s.json.Decode(&v); err != nil {
		return broken(err)
	}
	if v != nil {
		s.seen[name] = true
		take(*v)
	}
	return nil
}

// list reads facts one by one.
func list[T any](s *stream, name string, take func(place string, fact *T)) error {
	token, err := s.json.Token()
	if err != nil {
		return broken(err)
	}
	if token == nil {
		return nil
	}
	if token != json.Delim('[') {
		return settle.NewError(settle.BadRequest, fmt.Errorf("snapshot: %s is not a list", name))
	}
	s.seen[name] = true
	for n := 0; s.json.More(); n++ {
		var fact T
		if err := s.json.Decode(&fact); err != nil {
			return broken(err)
		}
		take(fmt.Sprintf("%s[%d]", name, n), &fact)
		s.held++
		if err := s.flush(false); err != nil {
			return err
		}
	}
	if _, err := s.json.Token(); err != nil {
		return broken(err)
	}
	return nil
}

// flush hands on what is held. After a fault nothing is handed on: the rest is read only to name what else is wrong.
func (s *stream) flush(last bool) error {
	if s.held == 0 || s.held < streamPart && !last {
		return nil
	}
	part := s.part
	s.part, s.held = settle.Snapshot{}, 0
	if len(s.faults) > 0 {
		return nil
	}
	return s.visit(part)
}

// skip passes over a member that this version does not know, however large.
func (s *stream) skip() error {
	for depth := 0; ; {
		token, err := s.json.Token()
		if err != nil {
			return broken(err)
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
	}
}
