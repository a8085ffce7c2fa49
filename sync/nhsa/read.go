package nhsa

import (
	"encoding/json"
	"errors"
	"fmt"
)

// one is a node of the output that is an object.
func (a *Answer) one(name string) (*fields, error) {
	node, err := a.node(name)
	if err != nil {
		return nil, err
	}
	return readFields(node)
}

// rows is a node of the output that is a list; a node that is missing is an error, an empty one is no rows.
func (a *Answer) rows(name string) ([]*fields, error) {
	f, err := a.output()
	if err != nil {
		return nil, err
	}
	node, told := f.value(name)
	if !told {
		return nil, fmt.Errorf("the answer has no %s", name)
	}
	return readRows(node)
}

func readRows(node json.RawMessage) ([]*fields, error) {
	raw, err := oneOrMany[json.RawMessage](node)
	if err != nil {
		return nil, errors.New("a node of the answer is not a list")
	}
	rows := make([]*fields, 0, len(raw))
	for _, data := range raw {
		row, err := readFields(data)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// mapRows reads each row with a function and stops at the first that cannot be read.
func mapRows[T any](rows []*fields, read func(*fields) T) ([]T, error) {
	out := make([]T, 0, len(rows))
	for _, row := range rows {
		value := read(row)
		if row.fault != nil {
			return nil, row.fault
		}
		out = append(out, value)
	}
	return out, nil
}
