package lite

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"reflect"

	"gongji/settle"
)

var errNull = errors.New("NULL where a value is needed")

// assign puts a column into a variable. What most columns are is done here; for the rest, database/sql has the rules.
func assign(dest any, column driver.Value) error {
	switch d := dest.(type) {
	case *sql.NullInt64:
		if n, is := column.(int64); is || column == nil {
			d.Int64, d.Valid = n, is
			return nil
		}
		return d.Scan(column)
	case sql.Scanner:
		return d.Scan(column)
	case *int64:
		return integer(d, column)
	case *settle.Fen:
		return integer(d, column)
	case *settle.Date:
		return integer(d, column)
	case *int:
		return integer(d, column)
	case *bool:
		if n, is := column.(int64); is && n>>1 == 0 {
			*d = n == 1
			return nil
		}
		return convert(d, column)
	case *string:
		if text, is := column.(string); is {
			*d = text
			return nil
		}
		return convert(d, column)
	case *[]byte:
		if column == nil {
			*d = nil
			return nil
		}
		if data, is := column.([]byte); is { // the driver has made it for this row
			*d = data
			return nil
		}
		return convert(d, column)
	case *any:
		*d = column
		return nil
	}
	return reflected(dest, column)
}

// integer takes a number that fits.
func integer[T ~int | ~int32 | ~int64](d *T, column driver.Value) error {
	n, is := column.(int64)
	if !is {
		if err := convert(&n, column); err != nil {
			return err
		}
	}
	*d = T(n)
	if int64(*d) != n {
		return fmt.Errorf("%d does not fit a %T", n, *d)
	}
	return nil
}

// convert is what database/sql makes of a column.
func convert[T any](d *T, column driver.Value) error {
	var value sql.Null[T]
	if err := value.Scan(column); err != nil {
		return err
	}
	if !value.Valid {
		return errNull
	}
	*d = value.V
	return nil
}

// reflected is assign for the words and numbers that are types of their own.
func reflected(dest any, column driver.Value) error {
	v := reflect.ValueOf(dest)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		return fmt.Errorf("a column cannot be read into a %T", dest)
	}
	v = v.Elem()
	switch {
	case v.Kind() == reflect.String:
		var text string
		if err := assign(&text, column); err != nil {
			return err
		}
		v.SetString(text)
	case v.CanInt():
		var n int64
		if err := integer(&n, column); err != nil {
			return err
		}
		if v.OverflowInt(n) {
			return fmt.Errorf("%d does not fit a %T", n, dest)
		}
		v.SetInt(n)
	case v.CanUint():
		var n uint64
		if err := convert(&n, column); err != nil {
			return err
		}
		v.SetUint(n)
	default:
		return fmt.Errorf("a column cannot be read into a %T", dest)
	}
	return nil
}
