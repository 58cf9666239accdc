package data

var databaseCommands []Command
