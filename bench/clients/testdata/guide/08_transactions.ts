import Redis from "ioredis";

const redis = new Redis();

async function transactionExample(): Promise<void> {
  // Basic transaction using multi/exec
  const result = await redis
    .multi()
    .set("key1", "value1")
    .set("key2", "value2")
    .incr("counter")
    .get("key1")
    .exec();

  console.log("Transaction results:", result);
  // Each result is [error, value] tuple

  // Practical example: Transfer funds between accounts
  async function transferFunds(
    fromAccount: string,
    toAccount: string,
    amount: number
  ): Promise<boolean> {
    const fromKey = `balance:${fromAccount}`;
    const toKey = `balance:${toAccount}`;

    // Watch keys for optimistic locking
    await redis.watch(fromKey, toKey);

    const fromBalance = parseInt((await redis.get(fromKey)) || "0");

    if (fromBalance < amount) {
      await redis.unwatch();
      console.log("Insufficient funds");
      return false;
    }

    // Execute transaction
    const txResult = await redis
      .multi()
      .decrby(fromKey, amount)
      .incrby(toKey, amount)
      .exec();

    if (txResult === null) {
      // Transaction was aborted due to watched key change
      console.log("Transaction aborted, retrying...");
      return transferFunds(fromAccount, toAccount, amount);
    }

    console.log(`Transferred ${amount} from ${fromAccount} to ${toAccount}`);
    return true;
  }

  // Set up accounts
  await redis.set("balance:account1", "1000");
  await redis.set("balance:account2", "500");

  // Perform transfer
  await transferFunds("account1", "account2", 200);

  // Check balances
  const balance1 = await redis.get("balance:account1");
  const balance2 = await redis.get("balance:account2");
  console.log("Account 1 balance:", balance1); // 800
  console.log("Account 2 balance:", balance2); // 700
}

transactionExample();
