package cardreader

import (
	"context"

	"gongji/cardreader/acs"
	"gongji/cardreader/ccid"
	"gongji/cardreader/serialport"
)

// acsReader is a reader of one of the two ACS families, which the reader itself names: an ACR1281S has a slot with contacts and
// one without, an ACR122S only the field of its radio part, whatever slot is configured.
type acsReader struct {
	contact
	line     *acs.Link
	number   byte // the slot of an ACR1281S
	firmware string
}

func newACSReader(o Options, port Port, trace tracer) *acsReader {
	number := acs.SlotContact
	if o.Slot == SlotContactless {
		number = acs.SlotContactless
	}
	line := acs.New(port, acs.Options{Slot: number, Timeout: serialport.IsTimeout, Trace: trace})
	d := &acsReader{contact: contact{link: line}, line: line, number: number}
	d.slot = d.numbered(number)
	return d
}

func (d *acsReader) numbered(number byte) *ccid.Slot {
	slot := ccid.NewSlot(d.line, number)
	slot.Voltages, slot.CutATR = []byte{0}, true // the reader tries the voltages itself
	return slot
}

// start asks for the state of slot 0, which both families have, so that a dead reader is known at once; then for the family.
func (d *acsReader) start(ctx context.Context) error {
	if err := d.line.Drain(ctx); err != nil {
		return err
	}
	if _, err := d.numbered(acs.SlotSAM).Status(ctx); err != nil {
		return err
	}
	var err error
	if d.firmware, err = d.line.Firmware(ctx); err != nil {
		return err
	}
	if d.firmware == "" {
		_, err = d.slot.Status(ctx)
		return err
	}
	field := acs.NewField(d.line)
	d.slot = field
	return field.Start(ctx)
}

// name is what an ACR122S calls itself.
func (d *acsReader) name(ctx context.Context) (string, error) {
	if d.firmware == "" {
		var err error
		if d.firmware, err = d.line.Firmware(ctx); err != nil {
			return "", err
		}
	}
	if d.firmware == "" {
		return "", errNoName
	}
	return d.firmware, nil
}
