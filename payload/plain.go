package payload

import "encoding/binary"

// Words of eight equal bytes.
const (
	ones       = 0x0101010101010101
	highs      = 0x80 * ones
	spaces     = ' ' * ones
	quotes     = '"' * ones
	backslashs = '\\' * ones
)

// special marks, by their high bits, the bytes of a word at which plain text
// ends. The lowest mark is right; those above it may be too many.
func special(word uint64) uint64 {
	quote, backslash := word^quotes, word^backslashs
	// Of a byte below n, and of no other below 0x80 unless a lower one was
	// marked, the high bit is set when n is subtracted.
	return (word | (word - spaces) | (quote - ones) | (backslash - ones)) & highs
}

// longText is after how many bytes a string is taken for a long one, such as an
// image in base64: more bytes at a time are then worth their while.
const longText = 64

// plainBlocks passes over blocks of 32 bytes of plain text.
func plainBlocks(doc []byte, i int) int {
	for ; i+32 <= len(doc); i += 32 {
		block := doc[i : i+32]
		if special(binary.LittleEndian.Uint64(block))|
			special(binary.LittleEndian.Uint64(block[8:]))|
			special(binary.LittleEndian.Uint64(block[16:]))|
			special(binary.LittleEndian.Uint64(block[24:])) != 0 {
			break
		}
	}
	return i
}
