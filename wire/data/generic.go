package data

var genericCommands []Command
