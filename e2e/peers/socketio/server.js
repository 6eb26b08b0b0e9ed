// Socket.IO's own server; POST /say?room=x says the body in that room.
import { createServer } from 'node:http'
import { Server } from 'socket.io'

const http = createServer(async (request, response) => {
  const url = new URL(request.url, 'http://localhost')
  if (request.method !== 'POST' || url.pathname !== '/say') {
    response.writeHead(404).end()
    return
  }
  request.setEncoding('utf8')
  let body = ''
  for await (const part of request) body += part
  io.to(url.searchParams.get('room')).emit('message', body)
  response.writeHead(204).end()
})
const io = new Server(http, { perMessageDeflate: false, transports: ['websocket'] })
io.on('connection', socket => socket.on('join', room => socket.join(room)))
http.listen({ host: '127.0.0.1', port: Number(process.argv[2]), backlog: 4096 })
