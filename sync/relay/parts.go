package relay

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"maps"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"
)

const (
	compressAbove = 1 << 10  // bytes; a shorter message gains nothing
	maxContent    = 64 << 20 // bytes of a message, uncompressed
	maxParts      = 512      // of one message
	headerRoom    = 4 << 10  // bytes of a message's headers, on the safe side
)

// compress packs content that is worth it and says how in the headers.
func compress(content []byte, head nats.Header) ([]byte, error) {
	if len(content) <= compressAbove {
		return content, nil
	}
	var out bytes.Buffer
	writer, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	if _, err := writer.Write(content); err != nil {
		return nil, err
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	head.Set(headCoding, "gzip")
	return out.Bytes(), nil
}

// expand undoes compress. What grows beyond the limit is an error, so that a small message cannot fill the memory.
func expand(content []byte, head nats.Header) ([]byte, error) {
	if head.Get(headCoding) != "gzip" {
		return content, nil
	}
	reader, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		return nil, errors.New("the content is not what its headers say")
	}
	out, err := io.ReadAll(io.LimitReader(reader, maxContent+1))
	switch {
	case err != nil:
		return nil, errors.New("the content is damaged")
	case len(out) > maxContent:
		return nil, errors.New("the content is longer than allowed")
	}
	return out, nil
}

// split cuts content into messages that the servers take, at least one.
func split(subject string, head nats.Header, content []byte, most int64) ([]*nats.Msg, error) {
	room := max(int(most)-headerRoom, 1<<10)
	count := max(1, (len(content)+room-1)/room)
	if count > maxParts {
		return nil, fmt.Errorf("the message needs %d parts, more than %d", count, maxParts)
	}
	list := make([]*nats.Msg, 0, count)
	for i := range count {
		own := maps.Clone(head)
		if count > 1 {
			own.Set(headPart, fmt.Sprintf("%d/%d", i+1, count))
		}
		list = append(list, &nats.Msg{Subject: subject, Header: own, Data: content[i*room : min(len(content), (i+1)*room)]})
	}
	return list, nil
}

// gathering puts the parts of one answer together, in whatever order they come. It is not safe for concurrent use.
type gathering struct {
	parts [][]byte
	have  int
	bytes int
}

// add takes a part; whole is nil until the last one is there. A part that is there already changes nothing.
func (g *gathering) add(m *nats.Msg) (whole []byte, done bool, err error) {
	text := m.Header.Get(headPart)
	if text == "" {
		return m.Data, true, nil
	}
	first, second, _ := strings.Cut(text, "/")
	number, err := strconv.Atoi(first)
	count, err2 := strconv.Atoi(second)
	if err != nil || err2 != nil || count < 1 || count > maxParts || number < 1 || number > count || g.parts != nil && len(g.parts) != count {
		return nil, false, errors.New("the parts of the answer do not fit each other")
	}
	if g.parts == nil {
		g.parts = make([][]byte, count)
	}
	if g.parts[number-1] == nil {
		g.parts[number-1] = m.Data
		g.have++
		g.bytes += len(m.Data)
	}
	if g.bytes > maxContent {
		return nil, false, errors.New("the answer is longer than allowed")
	}
	if g.have < count {
		return nil, false, nil
	}
	return bytes.Join(g.parts, nil), true, nil
}
