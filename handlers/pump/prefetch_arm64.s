#include "textflag.h"

// func prefetch(p unsafe.Pointer, from, to int)
TEXT ·prefetch(SB), NOSPLIT, $0-24
	MOVD p+0(FP), R0
	MOVD from+8(FP), R1
	MOVD to+16(FP), R2
	ADD  R1<<6, R0, R0
	B    test

line:
	PRFM (R0), PLDL1KEEP
	ADD  $64, R0
	ADD  $1, R1

test:
	CMP R2, R1
	BLT line
	RET
